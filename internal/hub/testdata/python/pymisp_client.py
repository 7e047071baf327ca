"""PyMISP as a member's tool and as another member's: adds, edits, searches, sights, pulls.

Arguments: the hub's address, a token of member A, a token of member C.
"""
import logging
import sys
from datetime import datetime, timedelta, timezone

from pymisp import (MISPAttribute, MISPEvent, MISPEventReport, MISPObject, MISPSighting, PyMISP)

logging.disable(logging.CRITICAL)
address, token_a, token_c = sys.argv[1:4]


def refused(answer, status):
    assert isinstance(answer, dict) and "errors" in answer, answer
    assert answer["errors"][0] == status, answer


a = PyMISP(address + "/misp/", token_a)
c = PyMISP(address + "/misp/", token_c)
assert a.misp_instance_version["version"].startswith("2."), a.misp_instance_version
assert "ip-dst" in a.describe_types["types"]
assert a.get_user(pythonify=True).org_id

# Adds an event as tools do.
event = MISPEvent()
event.info = "Phishing against 電力 <b>companies</b>"
event.distribution = 1
event.threat_level_id = 2
event.add_tag("tlp:green")
event.add_tag("malware:LockBit2.0/LockBit3.0")
event.add_tag("業種:重要インフラ=\"電力・ガス\"")
event.add_tag("o'hara")
event.add_attribute("domain", "login.evil.example", to_ids=True, comment="from the mail")
event.add_attribute("ip-dst|port", "203.0.113.7|8443", to_ids=True)
event.add_attribute("ip-dst", "127.0.0.1", to_ids=True)
event.add_attribute("text", "seen by the help desk", to_ids=False)
event.add_attribute("vulnerability", "CVE-2026-1234")
obj = MISPObject("file")
obj.add_attribute("filename", "履歴書.docx.exe")
obj.add_attribute("md5", "9e107d9d372bb6826bd81d3542a419d6")
obj.add_attribute("size-in-bytes", "4711")
event.add_object(obj)
report = MISPEventReport()
report.from_dict(name="What happened", content="# It began\nwith a mail.")
event.EventReport = [report]
made = a.add_event(event, pythonify=True)
assert isinstance(made, MISPEvent), made
assert made.uuid == event.uuid and made.info == event.info
assert len(made.attributes) == 5 and len(made.objects) == 1 and len(made.objects[0].attributes) == 3, made.to_json()
assert {t.name for t in made.tags} >= {t.name for t in event.tags}, made.tags
local = [x for x in made.attributes if x.value == "127.0.0.1"][0]
assert not local.to_ids, "what says nothing is not for detection"

# The same again changes nothing.
again = a.add_event(event, pythonify=True)
assert again.uuid == made.uuid and len(again.attributes) == 5, again.to_json()
assert again.timestamp == made.timestamp, (again.timestamp, made.timestamp)

# The other member sees it, and finds it by every part.
assert c.event_exists(made.uuid)
got = c.get_event(made.uuid, pythonify=True)
assert sorted(x.value for x in got.attributes) == sorted(x.value for x in event.attributes)
assert c.get_event(made.id, pythonify=True).uuid == made.uuid
assert len(got.event_reports) == 1 and got.event_reports[0].content.startswith("# It began")
for query in [
    dict(value="login.evil.example"), dict(value="LOGIN.evil.example"), dict(value="203.0.113.7"),
    dict(value="9e107d9d372bb6826bd81d3542a419d6"), dict(tags=["malware:LockBit2.0/LockBit3.0"]),
    dict(tags=["o'hara"]), dict(tags=["業種:重要インフラ=\"電力・ガス\""]), dict(uuid=made.uuid),
    dict(type_attribute="vulnerability"), dict(eventinfo="電力"), dict(published=False),
    dict(timestamp="1d", eventinfo="電力"), dict(value="%ogin.evil%"), dict(value="seen by the help desk"),
    dict(object_name="file"), dict(tags={"OR": ["o'hara"], "NOT": ["tlp:red"]}),
]:
    found = c.search(controller="events", pythonify=True, **query)
    assert [e.uuid for e in found] == [made.uuid], (query, found)
for query in [
    dict(value="evil.example"), dict(tags=["malware:LockBit2.0"]), dict(tags=["!o'hara"], uuid=made.uuid),
    dict(published=True, uuid=made.uuid), dict(timestamp=datetime.now(timezone.utc) + timedelta(days=1)),
]:
    found = c.search(controller="events", pythonify=True, **query)
    assert found == [], (query, found)
refused(c.direct_call("events/restSearch", {"no_such_filter": 1}), 400)

found = c.search(controller="attributes", value="login.evil.example", include_context=True, pythonify=True)
assert len(found) == 1 and found[0].Event.uuid == made.uuid and found[0].comment == "from the mail"
found = c.search(controller="attributes", to_ids=1, eventid=made.uuid, pythonify=True)
assert {x.type for x in found} == {"domain", "ip-dst|port", "md5", "filename"}, found
seen = []
for page in range(1, 100):
    some = c.search(controller="attributes", eventid=made.uuid, limit=2, page=page, pythonify=True)
    if not some:
        break
    seen += [x.uuid for x in some]
assert len(seen) == len(set(seen)) == 8, seen
csv = c.search(controller="attributes", eventid=made.uuid, return_format="csv")
assert len(csv.strip().splitlines()) == 9 and "login.evil.example" in csv, csv
bundle = c.search(controller="events", uuid=made.uuid, return_format="stix2")
assert bundle["type"] == "bundle" and any(o["type"] == "indicator" for o in bundle["objects"])
assert "login.evil.example" in c.search(controller="attributes", return_format="text", type_attribute="domain")
objects = c.search(controller="objects", object_name="file", pythonify=True)
assert len(objects) == 1 and len(objects[0].attributes) == 3, objects

# Nobody changes what another organisation gave.
got.info = "Taken over"
refused(c.update_event(got), 403)
refused(c.delete_event(made.uuid), 403)
refused(c.publish(made.uuid), 403)
refused(c.tag(made.uuid, "mine"), 403)
refused(c.delete_attribute(found[0].uuid), 403)
refused(c.add_event(event), 403)
assert a.get_event(made.uuid, pythonify=True).info == event.info

# Edits, adds, tags and deletes.
made.info = "Phishing, second wave"
edited = a.update_event(made, pythonify=True)
assert edited.info == "Phishing, second wave" and edited.timestamp > made.timestamp
one = MISPAttribute()
one.from_dict(type="url", value="http://login.evil.example/o/365", to_ids=True)
added = a.add_attribute(made.uuid, one, pythonify=True)
assert isinstance(added, MISPAttribute) and added.uuid, added
several = a.add_attribute(made.id, [dict(type="sha1", value="a9993e364706816aba3e25717850c26c9cd0d89d"),
                                    dict(type="mutex", value="Global\\m")], pythonify=True)
assert len(several["attributes"]) == 2, several
added.to_ids = False
added.comment = "is gone"
changed = a.update_attribute(added, pythonify=True)
assert changed.comment == "is gone" and not changed.to_ids, changed.to_json()
changed.to_ids = True
assert a.update_attribute(changed, pythonify=True).to_ids
assert c.get_attribute(added.uuid, pythonify=True).to_ids and c.get_attribute(added.id, pythonify=True).uuid == added.uuid
assert "success" in a.tag(added, "phase:first") and "success" in a.tag(made, "seen:twice")
assert [t.name for t in c.get_attribute(added.uuid, pythonify=True).tags] == ["phase:first"]
assert "success" in a.untag(made, "seen:twice")
assert "seen:twice" not in [t.name for t in c.get_event(made.uuid, pythonify=True).tags]
assert "phase:first" in [t.name for t in c.tags(pythonify=True)]
refused(a.add_attribute(made.uuid, dict(type="no-such-type", value="x")), 403)
refused(a.add_attribute("00000000-0000-4000-8000-00000000aaaa", one), 404)
second = MISPObject("domain-ip")
second.add_attribute("domain", "c2.evil.example")
second.add_attribute("ip", "203.0.113.9")
second = a.add_object(made.uuid, second, pythonify=True)
assert isinstance(second, MISPObject) and len(second.attributes) == 2, second
assert c.get_object(second.uuid, pythonify=True).name == "domain-ip"
second.comment = "two"
assert a.update_object(second, pythonify=True).comment == "two"
second.add_reference(made.objects[0].uuid, "drops")
reference = a.add_object_reference(second.references[0], pythonify=True)
assert reference.referenced_uuid == made.objects[0].uuid, reference
full = c.get_event(made.uuid, pythonify=True)
assert [o for o in full.objects if o.uuid == second.uuid][0].references[0].relationship_type == "drops"
assert "errors" not in a.delete_object(second.uuid)
assert second.uuid not in [o.uuid for o in c.get_event(made.uuid, pythonify=True).objects]
gone = several["attributes"][0]
assert "errors" not in a.delete_attribute(gone.uuid)
assert gone.uuid not in [x.uuid for x in c.get_event(made.uuid, pythonify=True).attributes]
with_gone = c.get_event(made.uuid, deleted=True, pythonify=True)
assert [x.deleted for x in with_gone.attributes if x.uuid == gone.uuid] == [True], with_gone.to_json()
refused(a.restore_attribute(gone.uuid), 403)

# Sightings.
sighting = MISPSighting()
sighting.from_dict(type="0", source="proxy")
reported = c.add_sighting(sighting, added, pythonify=True)
assert isinstance(reported, MISPSighting) and reported.uuid, reported
assert "errors" not in c.add_sighting({"values": ["login.evil.example"], "type": "1"})
assert len(c.sightings(c.get_attribute(added.uuid, pythonify=True), pythonify=True)) == 1
assert len(c.sightings(full, pythonify=True)) == 2
assert a.sightings(full, pythonify=True) == [], "what a member saw is for it and the hub"
refused(c.add_sighting({"values": ["nothing.evil.example"]}), 404)

# Publishes, and another MISP's index and pull.
assert "errors" not in a.publish(made)
index = c.search_index(minimal=True, published=True)
assert {e["uuid"]: e["published"] for e in index}[made.uuid] is True, index
before = [e for e in index if e["uuid"] == made.uuid][0]["timestamp"]
a.tag(made, "newer")
after = [e for e in c.search_index(minimal=True) if e["uuid"] == made.uuid][0]["timestamp"]
assert int(after) > int(before), (before, after)
assert made.uuid in [e["uuid"] for e in c.search_index(tags="o'hara|!nothing", pythonify=False)]
assert made.uuid not in [e["uuid"] for e in c.search_index(tags="!o'hara", pythonify=False)]
refused(c.direct_call("events/index", {"no_such_filter": "x"}), 400)
pulled = c.direct_call("events/view/%s/deleted:[0,1]/excludeGalaxy:1/excludeLocalTags:1" % made.uuid)
assert any(x["deleted"] for x in pulled["Event"]["Attribute"]), pulled

# What is for its owner and the hub is not there for others.
quiet = MISPEvent()
quiet.info = "Ours alone"
quiet.add_attribute("domain", "quiet.evil.example", to_ids=True)
quiet = a.add_event(quiet, pythonify=True)
assert a.get_event(quiet.uuid, pythonify=True).info == "Ours alone"
assert not c.event_exists(quiet.uuid)
absent = c.get_event("00000000-0000-4000-8000-00000000bbbb")
hidden = c.get_event(quiet.uuid)
refused(hidden, 404)
assert {k: v for k, v in hidden["errors"][1].items() if k != "url"} == \
    {k: v for k, v in absent["errors"][1].items() if k != "url"}
assert c.search(controller="attributes", value="quiet.evil.example")["Attribute"] == []
refused(c.delete_event(quiet.uuid), 404)
assert "errors" not in a.delete_event(quiet.uuid)
assert not a.event_exists(quiet.uuid)

# The indicators of the cycle are the event of a day.
days = [e for e in c.search_index(pythonify=True) if "indicators of" in e.info]
assert len(days) == 1, days
day = c.get_event(days[0].uuid, pythonify=True)
assert [x.value for x in day.attributes] == ["cycle.evil.example"] and day.attributes[0].to_ids, day.to_json()
assert c.search(controller="attributes", value="cycle.evil.example", pythonify=True)[0].event_id == day.id
refused(c.tag(day.uuid, "mine"), 404)
try:
    PyMISP(address + "/misp/", "mnk_nonsense")
    raise AssertionError("a wrong token is let in")
except Exception as error:
    assert "Authentication" in str(error), error
print("ok")
