"""`initlab schema`: the JSON Schema of a spec."""

import json


def schema() -> None:
    """Print the JSON Schema of a spec, so that editors complete and check it.

    Example:
    initlab schema > initlab.schema.json, then as a spec's first line:

    # yaml-language-server: $schema=initlab.schema.json
    """
    from initlab.spec.model import SpecFile

    schema = SpecFile.model_json_schema()
    print(
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2)
    )
