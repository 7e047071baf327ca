"""Holds bundles against stix2-validator. Arguments: files."""
import json
import sys

from stix2validator import ValidationOptions, validate_instance

bad = 0
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as f:
        bundle = json.load(f)
    for o in bundle["objects"]:
        result = validate_instance(o, ValidationOptions(version="2.1"))
        if not result.is_valid:
            bad += 1
            print(name, o["id"], [str(e) for e in result.errors])
assert bad == 0
print("ok")
