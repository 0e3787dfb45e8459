"""aws:iam: the role, its inline policy, and the instance profile."""

# ruff: noqa: ARG002 (parameters are the protocol's)
from __future__ import annotations

import json
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from tests.aws.provider.kind import (
    Client,
    Inputs,
    Name,
    code_of,
    own_name,
    same_document,
    tag_list,
    tags_of,
    with_tags,
)


class Role:
    token = "aws:iam/role:Role"
    name = Name("name", 64, 38)
    defaults: ClassVar[Inputs] = {
        "forceDetachPolicies": False,
        "maxSessionDuration": 3600,
        "path": "/",
    }
    replaced_by = frozenset({"name", "namePrefix", "path"})
    documents = frozenset({"assumeRolePolicy"})
    is_regional = False

    def create(self, client: Client, inputs: Inputs) -> str:
        optional = {"Description": "description", "PermissionsBoundary": "permissionsBoundary"}
        asked = {key: inputs[name] for key, name in optional.items() if inputs.get(name)}
        found = client("iam", None).create_role(
            RoleName=own_name(inputs, self.name),
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Path=inputs["path"],
            MaxSessionDuration=inputs["maxSessionDuration"],
            Tags=tag_list(inputs),
            **asked,
        )
        return str(found["Role"]["RoleName"])

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        try:
            found = client("iam", None).get_role(RoleName=id)["Role"]
        except ClientError as error:
            return _gone(error)
        tags = tags_of(found.get("Tags"))
        live = with_tags(inputs, tags)
        document = found["AssumeRolePolicyDocument"]
        if not same_document(document, inputs.get("assumeRolePolicy")):
            live["assumeRolePolicy"] = json.dumps(document)
        live |= {"path": found["Path"], "maxSessionDuration": found["MaxSessionDuration"]}
        if not inputs:  # an import
            live["name"] = id
        outputs = {
            **live,
            "name": id,
            "arn": found["Arn"],
            "uniqueId": found["RoleId"],
            "createDate": found["CreateDate"].isoformat(),
            "tagsAll": tags,
        }
        return outputs, live

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None:
        iam = client("iam", None)
        if not same_document(old["assumeRolePolicy"], new["assumeRolePolicy"]):
            iam.update_assume_role_policy(RoleName=id, PolicyDocument=new["assumeRolePolicy"])
        _change_tags(iam.tag_role, iam.untag_role, {"RoleName": id}, old, new)

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        try:
            client("iam", None).delete_role(RoleName=id)
        except ClientError as error:
            _gone(error)


class RolePolicy:
    token = "aws:iam/rolePolicy:RolePolicy"
    name = Name("name", 128, 102)
    defaults: ClassVar[Inputs] = {}
    replaced_by = frozenset({"name", "namePrefix", "role"})
    documents = frozenset({"policy"})
    is_regional = False

    def create(self, client: Client, inputs: Inputs) -> str:
        name = own_name(inputs, self.name)
        client("iam", None).put_role_policy(
            RoleName=inputs["role"], PolicyName=name, PolicyDocument=inputs["policy"]
        )
        return f"{inputs['role']}:{name}"

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        role, _, name = id.partition(":")
        try:
            found = client("iam", None).get_role_policy(RoleName=role, PolicyName=name)
        except ClientError as error:
            return _gone(error)
        live = dict(inputs)
        if not same_document(found["PolicyDocument"], inputs.get("policy")):
            live["policy"] = json.dumps(found["PolicyDocument"])
        if not inputs:
            live |= {"role": role, "name": name}
        return {**live, "role": role, "name": name}, live

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None:
        role, _, name = id.partition(":")
        client("iam", None).put_role_policy(
            RoleName=role, PolicyName=name, PolicyDocument=new["policy"]
        )

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        role, _, name = id.partition(":")
        try:
            client("iam", None).delete_role_policy(RoleName=role, PolicyName=name)
        except ClientError as error:
            _gone(error)


class InstanceProfile:
    token = "aws:iam/instanceProfile:InstanceProfile"
    name = Name("name", 128, 38)
    defaults: ClassVar[Inputs] = {"path": "/"}
    replaced_by = frozenset({"name", "namePrefix", "path"})
    documents: frozenset[str] = frozenset()
    is_regional = False

    def create(self, client: Client, inputs: Inputs) -> str:
        iam, name = client("iam", None), own_name(inputs, self.name)
        iam.create_instance_profile(
            InstanceProfileName=name, Path=inputs["path"], Tags=tag_list(inputs)
        )
        if inputs.get("role"):
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=inputs["role"])
        return name

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        try:
            found = client("iam", None).get_instance_profile(InstanceProfileName=id)
        except ClientError as error:
            return _gone(error)
        profile = found["InstanceProfile"]
        tags = tags_of(profile.get("Tags"))
        live = with_tags(inputs, tags) | {"path": profile["Path"]}
        live.pop("role", None)
        for role in profile["Roles"]:  # never more than one
            live["role"] = role["RoleName"]
        if not inputs:
            live["name"] = id
        outputs = {
            **live,
            "name": id,
            "arn": profile["Arn"],
            "uniqueId": profile["InstanceProfileId"],
            "createDate": profile["CreateDate"].isoformat(),
            "tagsAll": tags,
        }
        return outputs, live

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None:
        iam, profile = client("iam", None), {"InstanceProfileName": id}
        if old.get("role") != new.get("role"):
            if old.get("role"):
                iam.remove_role_from_instance_profile(RoleName=old["role"], **profile)
            if new.get("role"):
                iam.add_role_to_instance_profile(RoleName=new["role"], **profile)
        _change_tags(iam.tag_instance_profile, iam.untag_instance_profile, profile, old, new)

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        iam, profile = client("iam", None), {"InstanceProfileName": id}
        try:
            for role in iam.get_instance_profile(**profile)["InstanceProfile"]["Roles"]:
                iam.remove_role_from_instance_profile(RoleName=role["RoleName"], **profile)
            iam.delete_instance_profile(**profile)
        except ClientError as error:
            _gone(error)


def _gone(error: ClientError) -> None:
    if code_of(error) != "NoSuchEntity":
        raise error


def _change_tags(tag: Any, untag: Any, place: dict[str, str], old: Inputs, new: Inputs) -> None:
    before, after = tags_of(tag_list(old)), tags_of(tag_list(new))
    gone = [key for key in before if key not in after]
    if gone:
        untag(TagKeys=gone, **place)
    if after and after != before:
        tag(Tags=tag_list(new), **place)
