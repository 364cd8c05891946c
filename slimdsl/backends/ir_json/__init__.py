"""The graph as JSON for other programs, and back. Its keys are described in `docs/ir-json.md`."""
