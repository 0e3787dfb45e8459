"""aws:ec2: the security group with its rules in it, and the key pair."""

from __future__ import annotations

from typing import Any, ClassVar

from botocore.exceptions import ClientError

from tests.aws.provider.kind import (
    Client,
    Inputs,
    Name,
    code_of,
    own_name,
    tag_list,
    tags_of,
    with_tags,
)


class SecurityGroup:
    """`ingress` and `egress` are lists; AWS's own rule, that all may leave, is taken away."""

    token = "aws:ec2/securityGroup:SecurityGroup"
    name = Name("name", 255, 229)
    defaults: ClassVar[Inputs] = {"description": "Managed by Pulumi", "revokeRulesOnDelete": False}
    replaced_by = frozenset({"name", "namePrefix", "description", "vpcId", "region"})
    documents: frozenset[str] = frozenset()
    is_regional = True

    def create(self, client: Client, inputs: Inputs) -> str:
        ec2 = client("ec2", inputs.get("region"))
        asked: Inputs = {
            "GroupName": own_name(inputs, self.name),
            "Description": inputs["description"],
        }
        if vpc := inputs.get("vpcId"):  # else it is in the region's default one
            asked["VpcId"] = vpc
        tags = tag_list(inputs)
        if tags:
            asked["TagSpecifications"] = [{"ResourceType": "security-group", "Tags": tags}]
        id: str = ec2.create_security_group(**asked)["GroupId"]
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=id, IpPermissions=[everything])
        self._change_rules(ec2, id, {}, inputs)
        return id

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        ec2 = client("ec2", inputs.get("region"))
        try:
            (found,) = ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"]
        except ClientError as error:
            if code_of(error) == "InvalidGroup.NotFound":
                return None
            raise
        tags = tags_of(found.get("Tags"))
        live = with_tags(inputs, tags)
        rules = {"ingress": found["IpPermissions"], "egress": found["IpPermissionsEgress"]}
        for side, permissions in rules.items():
            # As the program wrote them, unless they are others now.
            if _flat(_permissions(inputs.get(side))) != _flat(permissions):
                live[side] = [_rule(permission) for permission in permissions]
        if not inputs:  # an import
            live |= {"name": found["GroupName"], "description": found["Description"]}
        outputs = {
            **live,
            "arn": f"arn:aws:ec2:{ec2.meta.region_name}:{found['OwnerId']}:security-group/{id}",
            "name": found["GroupName"],
            "ownerId": found["OwnerId"],
            "vpcId": found["VpcId"],
            "ingress": live.get("ingress", []),
            "egress": live.get("egress", []),
            "tagsAll": tags,
        }
        return outputs, live

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None:
        ec2 = client("ec2", new.get("region"))
        self._change_rules(ec2, id, old, new)
        change_tags(ec2, id, old, new)

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        try:
            client("ec2", inputs.get("region")).delete_security_group(GroupId=id)
        except ClientError as error:
            if code_of(error) != "InvalidGroup.NotFound":
                raise

    @staticmethod
    def _change_rules(ec2: Any, id: str, old: Inputs, new: Inputs) -> None:
        sides = {
            "ingress": (
                ec2.revoke_security_group_ingress,
                ec2.authorize_security_group_ingress,
            ),
            "egress": (ec2.revoke_security_group_egress, ec2.authorize_security_group_egress),
        }
        for side, (revoke, authorize) in sides.items():
            before, after = _permissions(old.get(side)), _permissions(new.get(side))
            for change, these, those in ((revoke, before, after), (authorize, after, before)):
                asked = [permission for permission in these if permission not in those]
                if asked:
                    change(GroupId=id, IpPermissions=asked)


class KeyPair:
    token = "aws:ec2/keyPair:KeyPair"
    name = Name("keyName", 255, 229)
    defaults: ClassVar[Inputs] = {}
    replaced_by = frozenset({"keyName", "keyNamePrefix", "publicKey", "region"})
    documents: frozenset[str] = frozenset()
    is_regional = True

    def create(self, client: Client, inputs: Inputs) -> str:
        asked: Inputs = {
            "KeyName": own_name(inputs, self.name),
            "PublicKeyMaterial": inputs["publicKey"].encode(),
        }
        tags = tag_list(inputs)
        if tags:
            asked["TagSpecifications"] = [{"ResourceType": "key-pair", "Tags": tags}]
        name: str = client("ec2", inputs.get("region")).import_key_pair(**asked)["KeyName"]
        return name

    def read(self, client: Client, id: str, inputs: Inputs) -> tuple[Inputs, Inputs] | None:
        ec2 = client("ec2", inputs.get("region"))
        found = _key(ec2, id)
        if found is None:
            return None
        tags = tags_of(found.get("Tags"))
        live = with_tags(inputs, tags)
        if not inputs:
            live |= {"keyName": id, "publicKey": found["PublicKey"]}
        outputs = {
            **live,
            "arn": f"arn:aws:ec2:{ec2.meta.region_name}::key-pair/{id}",
            "keyName": id,
            "keyPairId": found["KeyPairId"],
            "fingerprint": found["KeyFingerprint"],
            "keyType": found.get("KeyType", "ed25519"),
            "tagsAll": tags,
        }
        return outputs, live

    def update(self, client: Client, id: str, old: Inputs, new: Inputs) -> None:
        ec2 = client("ec2", new.get("region"))
        found = _key(ec2, id)
        assert found, f"the key pair {id} is gone"
        change_tags(ec2, found["KeyPairId"], old, new)

    def delete(self, client: Client, id: str, inputs: Inputs) -> None:
        client("ec2", inputs.get("region")).delete_key_pair(KeyName=id)


def change_tags(ec2: Any, id: str, old: Inputs, new: Inputs) -> None:
    """The tags of something of EC2's."""
    before, after = tags_of(tag_list(old)), tags_of(tag_list(new))
    gone = [{"Key": key} for key in before if key not in after]
    if gone:
        ec2.delete_tags(Resources=[id], Tags=gone)
    if after and after != before:
        ec2.create_tags(Resources=[id], Tags=tag_list(new))


def _key(ec2: Any, id: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = ec2.describe_key_pairs(KeyNames=[id], IncludePublicKey=True)[
            "KeyPairs"
        ][0]
    except ClientError as error:
        if code_of(error) == "InvalidKeyPair.NotFound":
            return None
        raise
    return found


def _permissions(rules: list[Inputs] | None) -> list[Inputs]:
    """Rules as EC2 takes them."""
    found = []
    for rule in rules or []:
        permission: Inputs = {"IpProtocol": str(rule["protocol"])}
        if permission["IpProtocol"] != "-1":
            permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
        said = {"Description": rule["description"]} if rule.get("description") else {}
        for networks, entries, entry in (
            ("cidrBlocks", "IpRanges", "CidrIp"),
            ("ipv6CidrBlocks", "Ipv6Ranges", "CidrIpv6"),
            ("securityGroups", "UserIdGroupPairs", "GroupId"),
        ):
            if rule.get(networks):
                permission[entries] = [{entry: network, **said} for network in rule[networks]]
        found.append(permission)
    return found


def _rule(permission: Inputs) -> Inputs:
    """EC2's rule as the engine has it."""
    rule: Inputs = {
        "protocol": permission["IpProtocol"],
        "fromPort": permission.get("FromPort", 0),
        "toPort": permission.get("ToPort", 0),
        "cidrBlocks": [entry["CidrIp"] for entry in permission.get("IpRanges", [])],
    }
    if permission.get("Ipv6Ranges"):
        rule["ipv6CidrBlocks"] = [entry["CidrIpv6"] for entry in permission["Ipv6Ranges"]]
    if permission.get("UserIdGroupPairs"):
        rule["securityGroups"] = [entry["GroupId"] for entry in permission["UserIdGroupPairs"]]
    return rule


def _flat(permissions: list[Inputs]) -> set[tuple[Any, ...]]:
    """One entry for each network: AWS groups them as it likes."""
    return {
        (p["IpProtocol"], p.get("FromPort"), p.get("ToPort"), network)
        for p in permissions
        for entries, entry in (
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId"),
        )
        for network in (one[entry] for one in p.get(entries, []))
    }
