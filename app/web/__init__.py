"""The Gradio page and the services beside it: REST, MCP and health."""
