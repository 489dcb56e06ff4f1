#!/usr/bin/env python3
"""A function that follows the order in its event, for tests of the rig.

The order is the event itself, or the body of the HTTP request in it; without one the response tells the event.
"""

import http.client
import json
import os
import sys
import time

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    response = api.getresponse()
    return response, response.read()


while True:
    invocation, event = call("GET", "invocation/next")
    event = json.loads(event)
    try:
        order = event if "do" in event else json.loads(event.get("body") or "{}")
    except ValueError:
        order = {}
    did, response = "response", {"statusCode": 200, "body": json.dumps(event)}
    match order.get("do"):
        case "respond":
            response = order["response"]
        case "headers":
            response = dict(invocation.getheaders())
        case "fail":
            did, response = "error", {"errorType": "Failed", "errorMessage": "as ordered"}
        case "respond at length":
            response = "x" * order["length"]
        case "exit":
            sys.exit()
        case "hang":
            time.sleep(600)
    taken, said = call("POST", f"invocation/{invocation.getheader('Lambda-Runtime-Aws-Request-Id')}/{did}", json.dumps(response))
    print("answered", taken.status, flush=True)
