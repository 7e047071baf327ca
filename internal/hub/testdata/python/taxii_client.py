"""taxii2-client and the stix2 library as a member's tools: discovery, collections, pages,
objects, and all of it held against stix2-validator.

Arguments: the hub's address, a token, the number of objects that a page is to have.
"""
import sys

from stix2 import Filter, TAXIICollectionSource
from stix2validator import ValidationOptions, validate_instance
from taxii2client.v21 import Collection, Server, as_pages

address, token = sys.argv[1:3]
server = Server(address + "/taxii2/", user="any", password=token)
assert server.title and server.api_roots, server
root = server.api_roots[0]
assert "application/taxii+json;version=2.1" in root.versions, root.versions
assert root.collections, "no collections"
collection = [c for c in root.collections if c.can_read][0]
collection = Collection(collection.url, user="any", password=token)

ids = []
for page in as_pages(collection.get_objects, per_request=2):
    ids += [o["id"] for o in page.get("objects", [])]
assert len(ids) == len(set(ids)) and len(ids) > 4, ids
manifest = []
for page in as_pages(collection.get_manifest, per_request=3):
    manifest += [o["id"] for o in page.get("objects", [])]
assert sorted(manifest) == sorted(ids), (manifest, ids)
one = collection.get_object(ids[0])["objects"]
assert one[0]["id"] == ids[0]
only = collection.get_objects(type="indicator")["objects"]
assert only and all(o["type"] == "indicator" for o in only)

source = TAXIICollectionSource(collection, allow_custom=True)
assert source.get(only[0]["id"]).id == only[0]["id"]
assert len(source.query([Filter("type", "=", "indicator")])) == len(only)

options = ValidationOptions(version="2.1")
bad = 0
for i in ids:
    for o in collection.get_object(i)["objects"]:
        result = validate_instance(o, options)
        if not result.is_valid:
            bad += 1
            print(o["id"], [str(e) for e in result.errors])
assert bad == 0
print("ok", len(ids))
