"""A provider that answers every call after exactly the same time, in one event loop, so that it is not what is measured.

Speaks Gemini's generateContent and OpenAI's chat completions; the answer is the last turn. Prints its address.

    python benchmarks/hosted/steady_provider.py SECONDS
"""

from __future__ import annotations

import asyncio
import json
import sys


def answer_to(path: str, body: dict) -> dict:
    """Return the response in the format that the path asks for."""
    if "generateContent" in path:
        text = body["contents"][-1]["parts"][-1]["text"]
        content = {"role": "model", "parts": [{"text": text}]}
        usage = {"promptTokenCount": len(text) // 4, "candidatesTokenCount": len(text) // 4}
        candidate = {"index": 0, "finishReason": "STOP", "content": content}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "steady"}
    text = body["messages"][-1]["content"]
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": len(text) // 4, "completion_tokens": len(text) // 4, "total_tokens": len(text) // 2}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


async def serve(seconds: float) -> None:
    """Answer for ever."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other on a connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                await asyncio.sleep(seconds)
                data = json.dumps(answer_to(lines[0], body)).encode()
                start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
                writer.write(start.encode() + data)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed its connection, which is how each of them ends
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
