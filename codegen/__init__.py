"""The generator: the contract under `openapi/` becomes models, operations and exported documents.

contract YAML -> overlay -> intermediate model -> Python -> ruff format -> files
"""
