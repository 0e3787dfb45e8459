"""What lies around a rented instance, in two regions; the test sets what changes."""

import json

import pulumi
from pulumi_aws import ec2, iam, scheduler

config = pulumi.Config()
tags = {"freehold:lease": "0123456789abcdef", "Name": config.get("label") or "one"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0dRlYbEsyJZVYDGWBcFKVZRWlRgAYXUXNFDxkVsqv me"

role = iam.Role(
    "role",
    name_prefix="freehold-0123456789abcdef-",
    path=config.get("path") or "/freehold/",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": ["ec2.amazonaws.com", "scheduler.amazonaws.com"]},
                }
            ],
        }
    ),
    tags=tags,
)
policy = iam.RolePolicy(
    "policy",
    role=role.name,
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": ["ssm:*", "ec2:*"], "Resource": "*"},
            ],
        }
    ),
)
profile = iam.InstanceProfile("profile", role=role.name, path="/freehold/", tags=tags)

for region in ("us-east-1", "us-west-2"):
    group = ec2.SecurityGroup(
        f"group-{region}",
        region=region,
        description=config.get("description") or "of the tests",
        ingress=[
            {
                "protocol": "tcp",
                "from_port": 22,
                "to_port": 22,
                "cidr_blocks": [config.get("open_to") or "198.51.100.7/32"],
            }
        ],
        egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
        tags=tags,
    )
    key = ec2.KeyPair(f"key-{region}", region=region, public_key=KEY, tags=tags)
    schedule = scheduler.Schedule(
        f"schedule-{region}",
        region=region,
        name_prefix="freehold-0123456789abcdef-",
        schedule_expression=config.get("at") or "at(2030-01-01T00:00:00)",
        flexible_time_window={"mode": "OFF"},
        action_after_completion="DELETE",
        target={
            "arn": "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution",
            "role_arn": role.arn,
            "input": json.dumps(
                {
                    "DocumentName": "AWS-TerminateEC2Instance",
                    "TargetParameterName": "InstanceId",
                    "Targets": [{"Key": "tag:freehold:lease", "Values": ["0123456789abcdef"]}],
                }
            ),
        },
        opts=pulumi.ResourceOptions(depends_on=[policy]),
    )
    pulumi.export(f"group-{region}", group.id)
    pulumi.export(f"schedule-{region}", schedule.name)
pulumi.export("profile", profile.name)
