"""Reads a profile of OTLP by OpenTelemetry's own messages. Prints the CPU time below `busy`."""

import gzip
import json
import sys

from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest

with gzip.open(sys.argv[1]) as file:
    request = ExportProfilesServiceRequest.FromString(file.read())
tables = request.dictionary
text = tables.string_table
assert text[0] == "" and tables.stack_table[0].location_indices == []
(of_resource,) = request.resource_profiles
(of_scope,) = of_resource.scope_profiles
(profile,) = of_scope.profiles


def functions(stack):
    for index in tables.stack_table[stack].location_indices:
        for line in tables.location_table[index].lines:
            yield text[tables.function_table[line.function_index].name_strindex]


def scope(sample):
    for index in sample.attribute_indices:
        attribute = tables.attribute_table[index]
        if text[attribute.key_strindex] == "scope":
            return attribute.value.string_value
    return ""


busy = 0
for sample in profile.samples:
    (value,) = sample.values
    if "fleet::busy" in functions(sample.stack_index) or scope(sample).endswith("busy"):
        busy += value
kind = profile.sample_type
json.dump({"type": f"{text[kind.type_strindex]} {text[kind.unit_strindex]}", "seconds": busy / 1e9}, sys.stdout)
