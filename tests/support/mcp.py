"""Call the page's tools by MCP."""

from typing import Any

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from tests.support.processes import run_async
from tests.support.queue import TIMEOUT_S


def call_tool(url: str, name: str, arguments: dict[str, Any], **options: Any) -> tuple[bool, str]:
    """Call a tool of a page.

    Args:
        url: of the page.
        name: of the tool.
        arguments: of the call.
        options: of the HTTP client.

    Returns:
        Whether it failed, and the text of the response.
    """

    async def ask() -> tuple[bool, str]:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, **options) as client,
            streamable_http_client(f"{url}/gradio_api/mcp/", http_client=client) as (receive, send, _),
            ClientSession(receive, send) as session,
        ):
            await session.initialize()
            answer = await session.call_tool(name, arguments)
            content = answer.content[0]
            assert isinstance(content, TextContent)
            return bool(answer.isError), content.text

    return run_async(ask())
