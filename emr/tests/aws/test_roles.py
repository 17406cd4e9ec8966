"""iam/create-roles: what stands in IAM afterwards."""

import json
import os

from case import Case

MSK = "arn:aws:kafka:eu-west-1:123456789012:cluster/shop/0a1b-2"
BASE = ["--region", "eu-west-1", "--artifacts", "s3://shop-data/rfm-suite", "--logs", "s3://shop-logs/emr/"]


class CreateRoles(Case):
    def setUp(self):
        # AWS's own policies take the imitation some seconds to load; only here one is needed.
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        self.addCleanup(os.environ.pop, "MOTO_IAM_LOAD_MANAGED_POLICIES")
        super().setUp()

    def roles(self, *more, **how):
        return self.run_script("iam/create-roles", *BASE, *more, **how)

    def policies(self, role):
        return sorted(self.aws.client("iam").list_role_policies(RoleName=role)["PolicyNames"])

    def test_roles_and_profile_are_made_and_kept_up_to_date(self):
        iam = self.aws.client("iam")
        self.roles("--msk-cluster", MSK, "--input", "s3://shop-data/orders", "--warehouse", "s3://shop-data/warehouse",
                   "--glue-database", "shop", "--tagged-topic", "tagged", says="created role rfm-suite-emr-node")
        self.assertEqual(self.policies("rfm-suite-emr-service"), ["emr-service"])
        self.assertEqual(self.policies("rfm-suite-emr-node"), ["node", "node-assume-jobs", "node-data", "node-glue"])
        self.assertEqual(self.policies("rfm-suite-streaming"), ["msk-streaming", "msk-tagged-topic"])
        self.assertEqual(self.policies("rfm-suite-producer"), ["msk-producer"])
        managed = iam.list_attached_role_policies(RoleName="rfm-suite-emr-service")["AttachedPolicies"]
        self.assertEqual([p["PolicyName"] for p in managed], ["AmazonEMRServicePolicy_v2"])
        profile = iam.get_instance_profile(InstanceProfileName="rfm-suite-emr-node")["InstanceProfile"]
        self.assertEqual([r["RoleName"] for r in profile["Roles"]], ["rfm-suite-emr-node"])
        trust = iam.get_role(RoleName="rfm-suite-streaming")["Role"]["AssumeRolePolicyDocument"]
        self.assertEqual(trust["Statement"][0]["Principal"], {"AWS": "arn:aws:iam::123456789012:role/rfm-suite-emr-node"})
        node = iam.get_role_policy(RoleName="rfm-suite-emr-node", PolicyName="node")["PolicyDocument"]
        self.assertIn("arn:aws:s3:::shop-logs/emr/*", json.dumps(node))
        # Once more, with less and elsewhere: nothing fails, and what was given before is taken away.
        self.roles("--artifacts", "s3://shop-data/releases", "--msk-cluster", MSK, says="updated role rfm-suite-emr-node")
        self.assertEqual(self.policies("rfm-suite-emr-node"), ["node", "node-assume-jobs"])
        self.assertEqual(self.policies("rfm-suite-streaming"), ["msk-streaming"])
        node = iam.get_role_policy(RoleName="rfm-suite-emr-node", PolicyName="node")["PolicyDocument"]
        self.assertIn("arn:aws:s3:::shop-data/releases/*", json.dumps(node))

    def test_bad_usage_costs_no_request(self):
        for words, said in [
            (BASE[2:], "--region is missing"),
            (BASE[:4], "--logs is missing"),
            ([*BASE, "--warehouse", "s3://b-c/w"], "--input and --warehouse go together"),
            ([*BASE, "--artifacts", "s3://bucket"], "is not s3://BUCKET/FOLDER"),
            ([*BASE, "--artifacts", "s3://bucket/*"], "would take for a pattern"),
            ([*BASE, "--topic", "*"], "has other characters"),
            ([*BASE, "--msk-cluster", "arn:aws:kafka:eu-west-1:123456789012:cluster/*"], "is not like arn:aws:kafka"),
            ([*BASE, "--account", "12"], "is not 12 digits"),
        ]:
            self.run_script("iam/create-roles", *words, code=2, says=said)
        self.assertEqual(self.aws.names(), [])

    def test_errors_of_aws(self):
        self.roles(code=1, says="no valid AWS credentials", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
        self.aws.fail_next("iam CreateRole", 403, "AccessDenied")
        self.roles("--account", "123456789012", code=1, says="cannot create role rfm-suite-emr-service")
