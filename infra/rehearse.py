"""Deploys the translated templates into moto, which answers as the AWS APIs do, and reads back the result.

stdin: {"endpoint", "documents" (what transform.py prints), "database": {"host", "port", "owner"}, "artifacts": {function: file}}
stdout: {"functions": {name: {"environment", "arn"}}, "secrets": {name: arn}}; stderr: what was done, a line each.

moto knows no stacks inside stacks, so they are created one after the other and their outputs are put in the place of
`Fn::GetAtt`. What its CloudFormation does not know is made by the service's own API from the properties of the template, or
left out; each is said.
"""

import base64
import hashlib
import io
import ipaddress
import itertools
import json
import sys
import zipfile

import boto3

KNOWN_BY_CLOUDFORMATION = {
    "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::VPCEndpoint", "AWS::EC2::FlowLog",
    "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::SNS::Topic",
    "AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Events::Rule",
}  # fmt: skip


def say(text):
    print(text, file=sys.stderr, flush=True)


def expect(fact, actual, expected):
    if actual != expected:
        sys.exit(f"{fact}: the template says {expected!r}, and AWS has {actual!r}")


class Rehearsal:
    def __init__(self, given):
        self.given = given
        self.templates = given["documents"]["stacks"]
        self.root = self.templates[""]
        self.parameters = given["documents"]["parameters"]
        self.outputs = {}
        session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="test", region_name="eu-central-1")
        self.aws = lambda service: session.client(service, endpoint_url=given["endpoint"])
        self.left_out = {}

    def run(self):
        self.upload()
        self.stack("root", self.root_with(self.pick("AWS::KMS::Key", "AWS::SNS::Topic")))
        self.outputs["Network"] = self.stack("Network", self.filled(self.templates["network"]))
        self.outputs["Secrets"] = self.secrets()
        self.outputs["Database"] = self.database()
        self.functions()
        self.aliases()
        self.api()
        self.policies_of_secrets()
        self.read_back()
        self.left_out.pop("AWS::CloudFormation::Stack")
        say("stacks Rotation (but for the policies above), Release, Monitoring, Domain: left out")
        for kind, names in sorted(self.left_out.items()):
            say(f"left out, because moto's CloudFormation cannot make it here: {kind} ({len(names)})")

    # ------------------------------------------------------------ making

    def upload(self):
        """Like `sam package`: uploads the code of every function, as a zip of its bootstrap, into a bucket."""
        s3 = self.aws("s3")
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.digests = {}
        for function, path in self.given["artifacts"].items():
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.write(path, "bootstrap")
            s3.put_object(Bucket="artifacts", Key=function, Body=packed.getvalue())
            self.digests[function] = hashlib.sha256(packed.getvalue()).digest()
        say(f"uploaded {len(self.digests)} bootstraps")

    def root_with(self, resources):
        return {"Parameters": self.root["Parameters"], "Conditions": self.root["Conditions"], "Resources": resources}

    def pick(self, *kinds):
        return {name: resource for name, resource in self.root["Resources"].items() if resource["Type"] in kinds}

    def filled(self, value):
        """The value with the outputs of the other stacks filled in."""
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if not isinstance(value, dict):
            return value
        if list(value) == ["Fn::GetAtt"]:
            resource, attribute = value["Fn::GetAtt"]
            if attribute.startswith("Outputs."):
                return self.outputs[resource][attribute.removeprefix("Outputs.")]
        if list(value) == ["Fn::Cidr"]:  # not implemented by moto
            network = ipaddress.ip_network(self.parameters["VpcCidr"])
            _, count, bits = value["Fn::Cidr"]
            return [str(block) for block in itertools.islice(network.subnets(new_prefix=32 - int(bits)), int(count))]
        if list(value) == ["Ref"] and value["Ref"].endswith("Aliaslive"):
            return {"Fn::GetAtt": [value["Ref"].removesuffix("Aliaslive"), "Arn"]}
        return {key: self.filled(item) for key, item in value.items()}

    def stack(self, name, template):
        """Creates or updates one stack of the types that moto supports; returns its outputs."""
        known = {}
        for logical, resource in template["Resources"].items():
            if resource["Type"] in KNOWN_BY_CLOUDFORMATION:
                known[logical] = resource
            else:
                self.left_out.setdefault(resource["Type"], set()).add(f"{name}.{logical}")
        template = {**template, "Resources": known}
        template.pop("Metadata", None)
        given = self.parameters if name == "root" else self.nested_parameters(name)
        parameters = [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in given.items()]
        cloudformation = self.aws("cloudformation")
        arguments = {"StackName": f"healthcare-{name}", "TemplateBody": json.dumps(template), "Parameters": parameters}
        if name == "root" and "root" in self.outputs:
            cloudformation.update_stack(**arguments)
        else:
            cloudformation.create_stack(**arguments)
        stack = cloudformation.describe_stacks(StackName=f"healthcare-{name}")["Stacks"][0]
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            sys.exit(f"stack {name}: {stack['StackStatus']}")
        made = cloudformation.describe_stack_resources(StackName=f"healthcare-{name}")["StackResources"]
        self.made = {resource["LogicalResourceId"]: resource.get("PhysicalResourceId") for resource in made}
        if name == "root":
            self.outputs["root"] = self.made
        say(f"stack {name}: {stack['StackStatus']}, {len(made)} resources")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def nested_parameters(self, name):
        given = {}
        for key, value in self.root["Resources"][name]["Properties"].get("Parameters", {}).items():
            if value == {"Fn::GetAtt": ["LogsKey", "Arn"]}:
                value = self.key_arn(self.outputs["root"]["LogsKey"])
            elif isinstance(value, dict) and "Ref" in value:
                value = self.parameters[value["Ref"]]
            given[key] = self.filled(value)
        return given

    def key_arn(self, key_id):
        keys = self.aws("kms").list_keys()["Keys"]
        return next(key["KeyArn"] for key in keys if key["KeyId"] == key_id)

    def secrets(self):
        """The secrets, with new values of this account."""
        template = self.templates["secrets"]
        keys = {name: r for name, r in template["Resources"].items() if r["Type"] == "AWS::KMS::Key"}
        self.stack("Secrets", {"Resources": keys})
        key = self.key_arn(self.made["SecretsKey"])
        manager = self.aws("secretsmanager")
        arns = {}
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::SecretsManager::Secret":
                wanted = resource["Properties"]["GenerateSecretString"]
                made = manager.get_random_password(
                    PasswordLength=int(wanted["PasswordLength"]), ExcludePunctuation=wanted["ExcludePunctuation"]
                )
                value = {**json.loads(wanted["SecretStringTemplate"]), wanted["GenerateStringKey"]: made["RandomPassword"]}
                arns[name] = manager.create_secret(Name=name, SecretString=json.dumps(value), KmsKeyId=key)["ARN"]
                expect(f"key of {name}", manager.describe_secret(SecretId=arns[name])["KmsKeyId"], key)
        self.secret_arns = arns
        say(f"secrets: {', '.join(arns)} made by Secrets Manager's own API, from the template's properties")
        return {"SecretsKeyArn": key, **{f"{name}Arn": arn for name, arn in arns.items()}}

    def database(self):
        """A PostgreSQL of this machine as a substitute for RDS, with the login that RDS would create."""
        database = self.given["database"]
        owner = self.aws("secretsmanager").create_secret(Name="rds!db-owner", SecretString=json.dumps(database["owner"]))
        self.secret_arns["Owner"] = owner["ARN"]
        say("stack Database: a PostgreSQL of this machine stands in its place")
        return {
            "Host": database["host"],
            "FunctionHost": database["host"],
            "Port": str(database["port"]),
            "OwnerSecretArn": owner["ARN"],
        }

    def functions(self):
        """The rest of the root: roles, log groups, functions with the code that was uploaded."""
        known = self.pick(*KNOWN_BY_CLOUDFORMATION)
        resources = {name: self.filled(r) if name in known else r for name, r in self.root["Resources"].items()}
        for name, resource in resources.items():
            if resource["Type"] == "AWS::Lambda::Function":
                resource["Properties"]["Code"] = {"S3Bucket": "artifacts", "S3Key": name}
        self.stack("root", self.root_with(resources))

    def aliases(self):
        lambdas = self.aws("lambda")
        for name, alias in self.root["Resources"].items():
            if alias["Type"] == "AWS::Lambda::Alias":
                function = self.made[name.removesuffix("Aliaslive")]
                lambdas.create_alias(FunctionName=function, Name=alias["Properties"]["Name"], FunctionVersion="1")
        self.left_out.pop("AWS::Lambda::Alias")
        say("aliases: live of each function, made by Lambda's own API")

    def api(self):
        """The HTTP API, route by route, from the definition that the translator made."""
        gateway = self.aws("apigatewayv2")
        api = gateway.create_api(Name="healthcare", ProtocolType="HTTP")["ApiId"]
        wanted = set()
        for path, methods in self.root["Resources"]["Api"]["Properties"]["Body"]["paths"].items():
            for method, route in methods.items():
                integration = route["x-amazon-apigateway-integration"]
                version = integration["payloadFormatVersion"]
                made = gateway.create_integration(
                    ApiId=api, IntegrationType="AWS_PROXY", PayloadFormatVersion=version,
                    IntegrationUri=integration["uri"]["Fn::Sub"],
                )  # fmt: skip
                method = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
                key = "$default" if route.get("isDefaultRoute") or path == "$default" else f"{method} {path}"
                gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")
                wanted.add(key)
        there = {route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]}
        expect("routes", there, wanted)
        self.left_out.pop("AWS::ApiGatewayV2::Api")
        say(f"API: {len(there)} routes, made by API Gateway's own API and read back")

    def policies_of_secrets(self):
        manager = self.aws("secretsmanager")
        for name, resource in self.templates["rotation"]["Resources"].items():
            if resource["Type"] == "AWS::SecretsManager::ResourcePolicy":
                arn = self.secret_arns[name.removesuffix("Policy")]
                policy = json.dumps(resource["Properties"]["ResourcePolicy"])
                manager.put_resource_policy(SecretId=arn, ResourcePolicy=policy)
                expect(name, manager.get_resource_policy(SecretId=arn)["ResourcePolicy"], policy)
        say("policies of the secrets: put and read back (moto keeps them and does not apply them)")

    # ------------------------------------------------------------ reading back

    def read_back(self):
        lambdas, iam, logs = self.aws("lambda"), self.aws("iam"), self.aws("logs")
        self.found = {}
        for name, resource in self.root["Resources"].items():
            properties, physical = resource.get("Properties", {}), self.made.get(name)
            if resource["Type"] == "AWS::Lambda::Function":
                there = lambdas.get_function_configuration(FunctionName=physical)
                for key in ("MemorySize", "Timeout", "Runtime", "Handler"):
                    expect(f"{name} {key}", there[key], properties[key])
                role = self.made[properties["Role"]["Fn::GetAtt"][0]]
                expect(f"{name} role", there["Role"].rsplit("/", 1)[-1], role)
                expect(f"{name} code", base64.b64decode(there["CodeSha256"]), self.digests[name])
                self.found[name] = {"environment": there["Environment"]["Variables"], "arn": there["FunctionArn"]}
                variables = properties["Environment"]["Variables"]
                wanted = {key for key, value in variables.items() if value != {"Ref": "AWS::NoValue"}}
                expect(f"{name} variables", set(self.found[name]["environment"]), wanted)
            elif resource["Type"] == "AWS::IAM::Role":
                names = {policy["PolicyName"] for policy in properties.get("Policies", [])}
                expect(f"{name} policies", set(iam.list_role_policies(RoleName=physical)["PolicyNames"]), names)
            elif resource["Type"] == "AWS::Logs::LogGroup":
                group = logs.describe_log_groups(logGroupNamePrefix=physical)["logGroups"][0]
                days = self.parameters[properties["RetentionInDays"]["Ref"]]
                expect(f"{name} days", str(group["retentionInDays"]), days)
        say(f"read back: {len(self.found)} functions with code, role, memory, time and variables; roles; log groups")


def main():
    rehearsal = Rehearsal(json.load(sys.stdin))
    rehearsal.run()
    json.dump({"functions": rehearsal.found, "secrets": rehearsal.secret_arns}, sys.stdout)


main()
