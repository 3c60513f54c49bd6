"""The section of the study file on models behind a provider's API. Keys and tokens come from the environment only."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tunecurve.spec.section import Amount, PositiveInt, Section

# No model costs less a million tokens; what is smaller is a price by the token.
LEAST_PRICE = 0.0005


class PriceSpec(Section):
    """Prices of one model, in US dollars per million tokens; unset ones come from the built-in tables."""

    input: Amount | None = Field(None, description="tokens sent")
    output: Amount | None = Field(None, description="tokens answered")
    training: Amount | None = Field(None, description="tokens trained on, every pass counted")
    hosting: Amount | None = Field(
        None, description="an hour, not tokens: what a deployment that answers for a tuned model costs while it stands"
    )

    @field_validator("input", "output", "training", "hosting")
    @classmethod
    def _is_in_dollars_a_million(cls, value: float | None) -> float | None:
        """Refuse a price by the token, a millionth of what is meant here, and one without bounds."""
        if value is not None and (0 < value < LEAST_PRICE or not math.isfinite(value)):
            raise ValueError(f"a price is in dollars per million tokens (hosting: an hour); {value:g} is none")
        return value


class VertexSpec(Section):
    """Where tuning on Vertex AI happens."""

    project: str | None = Field(None, description="Google Cloud project; default: $GOOGLE_CLOUD_PROJECT")
    location: str | None = Field(None, description="region; default: $GOOGLE_CLOUD_LOCATION, else us-central1")
    tuning_location: str | None = Field(
        None, description="region of the tuning jobs alone, where prompts are answered elsewhere, e.g. in global"
    )
    bucket: str | None = Field(None, description="Cloud Storage bucket for training files, without gs://")
    endpoint_of: str | None = Field(
        None,
        description="what a model that is named by its endpoint was tuned from, e.g. gemini-3.5-flash: for thinking, price",
    )


class BedrockSpec(Section):
    """Where tuning on Amazon Bedrock happens. Access keys come from the environment or the AWS profile."""

    region: str | None = Field(None, description="AWS region; default: $AWS_REGION, $AWS_DEFAULT_REGION, the profile's")
    bucket: str | None = Field(None, description="S3 bucket in that region for training files, without s3://")
    role_arn: str | None = Field(
        None, description="service role with which Bedrock reads the bucket: arn:aws:iam::ACCOUNT:role/NAME"
    )


class VllmSpec(Section):
    """A vLLM server of your own that answers for a model of the study, which is tuned on this machine."""

    model: str | None = Field(
        None,
        description="the local model it answers for, as in models; its address: $VLLM_BASE_URL, its key: $VLLM_API_KEY",
    )
    served_as: str | None = Field(None, description="the model's name at the server; default: as in models")
    run_folder: str | None = Field(
        None, description="where the server sees the run's folder, to load adapters from; default: at the same path"
    )
    adapters: dict[str, str] = Field(
        default_factory=dict,
        description="names of adapters that the server has already, by the names that tunecurve gives",
    )


class FireworksSpec(Section):
    """Where tuning at Fireworks happens."""

    account: str | None = Field(None, description="account id; default: $FIREWORKS_ACCOUNT_ID")
    accelerator: str = Field("NVIDIA_H100_80GB", description="what a tuned model's deployment runs on")
    accelerators: PositiveInt = Field(1, description="how many of them")


class HostingSpec(Section):
    """Deployments, at providers that answer from a tuned model only while one stands; each is deleted after its answers."""

    minutes: Annotated[float, Field(gt=0)] = Field(
        60.0, description="how long one stands for the answers of a trial, as plan assumes and a cap reserves"
    )
    longest_start_minutes: Annotated[float, Field(gt=0)] = Field(
        60.0, description="how long to wait until one answers before it is deleted and the trial fails"
    )
    keep: bool = Field(False, description="leave deployments standing; they go on costing until you delete them")
    poll_seconds: Annotated[float, Field(gt=0)] = Field(10.0, description="time between looks at a deployment")


class AzureSpec(Section):
    """Azure AI Foundry: how jobs train, and how tuned models are deployed for their answers."""

    training_type: str | None = Field(
        None, description="trainingType of jobs: Standard, GlobalStandard or Developer; not sent unless set"
    )
    deploy_as: Literal["standard", "globalstandard", "developertier", "none"] = Field(
        "standard",
        description="kind of deployment; developertier: no hourly charge, outside your region; none: you deploy by hand",
    )
    capacity: PositiveInt = Field(
        50, description="thousands of tokens a minute that a deployment bears; a quota bounds it"
    )
    subscription: str | None = Field(None, description="default: $AZURE_SUBSCRIPTION_ID")
    resource_group: str | None = Field(None, description="default: $AZURE_RESOURCE_GROUP")
    resource: str | None = Field(None, description="name of the resource; default: as its address begins")


class TogetherSpec(Section):
    """Together AI: how tuned models are deployed for their answers, and trained."""

    gpu: Literal["h100", "h200", "b200"] = Field(
        "h100", description="GPU of a deployment, for the quote; the config decides"
    )
    gpus: PositiveInt = Field(1, description="GPUs of a deployment, for the quote")
    config: str | None = Field(
        None, description="how a tuned model is run (cr_...); default: the only way that takes the fewest GPUs"
    )
    project: str | None = Field(None, description="proj_...; default: $TOGETHER_PROJECT_ID, else that of the key")
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="of a job; default: Together's own, which it says is 1e-5"
    )


class HostedSpec(Section):
    """How models behind a provider's API are asked, tuned and paid."""

    concurrency: PositiveInt = Field(
        8, description="most calls in flight; fewer while the provider says it is too many"
    )
    max_cost: Amount | None = Field(None, description="hard cap on what this study may spend, in US dollars")
    ask_above: Amount = Field(1.0, description="ask before spending more than this, or --yes; in US dollars")
    max_attempts: PositiveInt = Field(8, description="attempts a call, the first included")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(120.0, description="longest wait for one answer")
    failed_rows_allowed: Annotated[float, Field(ge=0, le=1)] = Field(
        0.02, description="share of rows without an answer after all attempts up to which a trial counts"
    )
    batch: bool = Field(False, description="use the provider's batch mode: half the price, up to a day")
    # Newer models ignore or reject sampling parameters, so none is sent unless asked for.
    temperature: Amount | None = Field(None, description="sampling temperature; not sent unless set")
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description="nucleus share; not sent unless set")
    top_k: PositiveInt | None = Field(None, description="candidate tokens; not sent unless set")
    seed: int | None = Field(None, description="sampling seed; not sent unless set")
    thinking: Literal["minimal", "provider"] = Field(
        "minimal", description="Gemini: think as little as the model allows, or as the provider sets it"
    )
    # How a server speaks, where it is not as its name says; the error that needs one of these names it.
    api: Literal["auto", "chat", "responses"] = Field(
        "auto", description="OpenAI's format: which of its two interfaces is called; auto: as the model's name says"
    )
    stream: bool = Field(False, description="OpenAI's format: answers come as a stream, for servers that give no other")
    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(
        "auto", description="chat completions: the name of the answer cap; auto: as the model's name says"
    )
    system_as_user: bool = Field(
        False, description="the instruction goes before the first user turn, for models without a system role"
    )
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = Field(
        None, description="how long models may think; not sent unless set (Gemini: see thinking)"
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="OpenAI's format: more fields of every request, as they are"
    )
    context_tokens: PositiveInt | None = Field(
        None,
        description="tokens that hosted models take, prompt and answer together: examples that may not fit are left out and counted; "
        "default: no bound is known, and all are sent",
    )
    max_extra_tokens: PositiveInt = Field(
        256, description="answer cap beyond the study's own, for other tokenizers and thinking"
    )
    # As in the article: filters would blank out rows with personal data, and the score would measure the filter.
    safety: Literal["off", "provider"] | dict[str, str] = Field(
        "off", description="Gemini: filters off, the provider's, or category: threshold"
    )
    tuning: Literal["auto", "none", "openai", "azure", "nebius", "bedrock", "fireworks"] = Field(
        "auto",
        description=(
            "auto: on Vertex AI for google/vertex/..., at OpenAI for openai/..., at Together for together/...; openai, azure, "
            "nebius: openai-api/... servers, too; bedrock, fireworks: the models of these, too"
        ),
    )
    deployments: dict[str, str] = Field(
        default_factory=dict, description="the deployment or name that answers for a model, by the model's name there"
    )
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | None = Field(
        None, description="of the provider's own learning rate"
    )
    adapter_size: Literal[1, 2, 4, 8, 16] | None = Field(
        None, description="rank of the adapter: Vertex AI; Nebius and Fireworks 8 or 16"
    )
    tuning_fields: Literal["auto", "method", "top-level"] = Field(
        "auto",
        description="OpenAI's format: where a job's hyperparameters stand; auto: under method, at the top where that is refused",
    )
    keep_training_files: bool = Field(
        False,
        description="leave training files, and those of batches, at the provider after their end; they hold the rows",
    )
    jobs_at_once: PositiveInt = Field(1, description="tuning jobs running at once; the usual quota is one")
    poll_seconds: Annotated[float, Field(gt=0)] = Field(60.0, description="time between looks at a tuning job")
    adopt_wait_seconds: Amount = Field(
        120.0, description="after a job's creation got no answer: how long to look for it before the one repeat"
    )
    checkpoints: bool = Field(False, description="also score the checkpoint of every pass of a tuned model")
    hosting: HostingSpec = Field(default_factory=HostingSpec)
    azure: AzureSpec = Field(default_factory=AzureSpec)
    together: TogetherSpec = Field(default_factory=TogetherSpec)
    vertex: VertexSpec = Field(default_factory=VertexSpec)
    bedrock: BedrockSpec = Field(default_factory=BedrockSpec)
    vllm: VllmSpec = Field(default_factory=VllmSpec)
    fireworks: FireworksSpec = Field(default_factory=FireworksSpec)
    prices: dict[str, PriceSpec] = Field(default_factory=dict, description="own prices, by model name as in models")
