"""Measures pySigma with SQLite: every rule becomes a query over one table of all
events, in memory. Arguments: a file of JSON lines, a folder of rules. Prints one
JSON object. There is no log source in it: every rule sees every event."""

import json
import pathlib
import re
import sqlite3
import sys
import time

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

lines, folder = sys.argv[1], sys.argv[2]

backend, queries, refused = sqliteBackend(), [], 0
for path in sorted(pathlib.Path(folder).rglob("*.yml")):
    try:
        queries += backend.convert(SigmaCollection.from_yaml(path.read_text(encoding="utf-8")))
    except Exception:  # whatever a rule meets in the converter, it has no query
        refused += 1

events = []
with open(lines, encoding="utf-8") as f:
    for line in f:
        events.append({k: v if isinstance(v, (int, float, str)) or v is None else json.dumps(v) for k, v in json.loads(line).items()})

columns = {}
for event in events:
    for key in event:
        columns.setdefault(key.lower(), key)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


db = sqlite3.connect(":memory:")
# A rule that names a field which no event has would be an error.
missing = re.compile(r"no such column: (\S+)")
db.execute("CREATE TABLE logs (" + ", ".join(quoted(c) + " COLLATE NOCASE" for c in columns) + ")")
began = time.process_time()
for event in events:
    row = {k.lower(): v for k, v in event.items()}
    db.execute("INSERT INTO logs VALUES (" + ", ".join("?" * len(columns)) + ")", [row.get(c) for c in columns])
loaded = time.process_time() - began

matches = failed = 0
spent = 0.0
for query in queries:
    for _ in range(200):
        began = time.process_time()
        try:
            matches += len(db.execute(query).fetchall())
            spent += time.process_time() - began
            break
        except sqlite3.OperationalError as err:
            name = missing.search(str(err))
            if not name or len(columns) > 1900:
                failed += 1
                break
            columns[name.group(1).lower()] = name.group(1)
            db.execute("ALTER TABLE logs ADD COLUMN " + quoted(name.group(1)) + " COLLATE NOCASE")
    else:
        failed += 1

print(json.dumps({"queries": len(queries) - failed, "refused": refused + failed, "matches": matches, "seconds": loaded + spent}))
