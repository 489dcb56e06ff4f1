"""Prints the root template as the SAM translator makes plain CloudFormation of it, as JSON, with no AWS at hand.

Arguments: NAME=VALUE of parameters that are not to have their default.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse
from samtranslator.sdk.parameter import SamParameterValues
from samtranslator.translator.translator import Translator
from samtranslator.parser.parser import Parser

template = yaml_parse((Path(__file__).parent.parent / "template.yaml").read_text())
parameters = {name: definition.get("Default") for name, definition in template["Parameters"].items()}
parameters.update(argument.split("=", 1) for argument in sys.argv[1:])
# As after `sam package`: the code of every function lies in a bucket.
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://artifacts/code"
template["Globals"]["Function"].pop("CodeUri")

translator = Translator(managed_policy_map={}, sam_parser=Parser())
plain = translator.translate(sam_template=template, parameter_values=parameters, feature_toggle=None)
json.dump(plain, sys.stdout, indent=1)
