"""Prints, as JSON, the templates of one environment of samconfig.toml and the parameters that it gives the root.

Arguments: the environment, and NAME=VALUE of parameters that are to be others.

The root template is what the SAM translator makes of it, plain CloudFormation; no AWS account is needed.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

import tomlkit
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).parent.parent


def parameters_of(environment, others, template):
    values = {name: str(definition.get("Default", "")) for name, definition in template["Parameters"].items()}
    settings = tomlkit.parse((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    for override in [*settings["parameter_overrides"], *others]:
        name, value = override.split("=", 1)
        if name not in values:
            sys.exit(f"template.yaml has no parameter {name}")
        values[name] = value
    return values


def translated(template, parameters):
    template["Globals"]["Function"].pop("CodeUri")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # As after `sam package`: the code of every function is in a bucket.
            resource["Properties"]["CodeUri"] = "s3://artifacts/code"
    translator = Translator(managed_policy_map={}, sam_parser=Parser())
    return translator.translate(sam_template=template, parameter_values=parameters, feature_toggle=None)


def main():
    environment, *others = sys.argv[1:]
    root = yaml_parse((ROOT / "template.yaml").read_text())
    parameters = parameters_of(environment, others, root)
    stacks = {path.stem: yaml_parse(path.read_text()) for path in sorted((ROOT / "infra").glob("*.yaml"))}
    json.dump({"parameters": parameters, "stacks": {"": translated(root, parameters), **stacks}}, sys.stdout, indent=1)


main()
