"""Reads requests of OTLP, each a file, by OpenTelemetry's own messages. Prints them as JSON."""

import gzip
import json
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

requests = []
for name in sys.argv[1:]:
    with gzip.open(name) as file:
        request = ExportMetricsServiceRequest.FromString(file.read())
    requests.append(MessageToDict(request))
json.dump(requests, sys.stdout)
