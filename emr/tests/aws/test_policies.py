"""The policy documents: real actions, on resources that they can be allowed on, and on no more than the jobs need."""

import fnmatch
import json
import re

from policy_sentry.querying.actions import get_action_data

from case import Case
from imitation import ACCOUNT, EMR

IAM = EMR / "iam"
MSK = f"arn:aws:kafka:eu-west-1:{ACCOUNT}:cluster/shop/0a1b-2"
TOPIC = f"arn:aws:kafka:eu-west-1:{ACCOUNT}:topic/shop/0a1b-2"
FILLED = ["--region", "eu-west-1", "--account", ACCOUNT, "--artifacts", "s3://art/releases", "--logs", "s3://logs/emr",
          "--input", "s3://data/orders", "--warehouse", "s3://data/warehouse", "--msk-cluster", MSK, "--topic", "orders",
          "--group", "rfm", "--tagged-topic", "tagged", "--glue-database", "shop", "--table-prefix", "p_",
          "--kms-key", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"]


def listed(value):
    return value if isinstance(value, list) else [value]


def allows(document, action, resource, **context):
    """Whether a document allows an action, by the rules of IAM that these documents use: Allow, * and two conditions."""
    for statement in document["Statement"]:
        if not any(fnmatch.fnmatchcase(action, known) for known in listed(statement["Action"])):
            continue
        if not any(fnmatch.fnmatchcase(resource, known) for known in listed(statement["Resource"])):
            continue
        held = True
        for operator, pairs in statement.get("Condition", {}).items():
            for key, values in pairs.items():
                given = context.get(re.sub(r"\W", "_", key), "")
                match = {"StringEquals": lambda a, b: a == b, "StringLike": fnmatch.fnmatchcase}[operator]
                held = held and any(match(given, value) for value in listed(values))
        if held:
            return True
    return False


class Policies(Case):
    def setUp(self):
        super().setUp()
        self.run_script("iam/create-roles", *FILLED, "--print", self.folder)
        self.assertEqual(self.aws.names(), [])
        self.all = {path.stem: json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))}
        self.policies = {name: text for name, text in self.all.items() if not name.startswith("trust-")}

    def statements(self):
        for name, document in self.policies.items():
            for statement in document["Statement"]:
                yield f"{name}: {statement['Sid']}", statement

    def test_nothing_is_left_to_fill_in(self):
        self.assertEqual(len(self.all), len(list(IAM.glob("*.json"))))
        for name, document in self.all.items():
            self.assertNotRegex(json.dumps(document), "@[A-Z_]+@", name)
            self.assertEqual(document["Version"], "2012-10-17")
            sids = [statement["Sid"] for statement in document["Statement"]]
            self.assertEqual(len(sids), len(set(sids)), name)

    def test_iam_takes_them(self):
        """The imitation checks documents as IAM does: grammar, Sids, ARNs."""
        iam = self.aws.client("iam")
        for name, document in self.policies.items():
            iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
        for name, document in self.all.items():
            if name.startswith("trust-"):
                iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        with self.assertRaises(iam.exceptions.MalformedPolicyDocumentException):
            iam.create_policy(PolicyName="wrong", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3", "Resource": "*"}]}))

    def test_each_action_exists_and_can_be_allowed_on_each_resource(self):
        for name, statement in self.statements():
            for action in listed(statement["Action"]):
                self.assertNotIn("*", action, f"{name}: actions are named one by one")
                service, _, word = action.partition(":")
                found = get_action_data(service, word)
                self.assertTrue(found, f"{name}: there is no action {action}")
                kinds = [self.pattern(row["resource_arn_format"]) for row in found[service] if row["resource_arn_format"] != "*"]
                for resource in listed(statement["Resource"]):
                    if resource != "*":
                        self.assertTrue(any(kind.fullmatch(resource) for kind in kinds),
                                        f"{name}: {action} cannot be allowed on {resource}")

    @staticmethod
    def pattern(arn):
        """A kind of resource, as IAM's reference writes it: arn:${Partition}:s3:::${BucketName}/${ObjectName}."""
        parts = re.split(r"\$\{(\w+)\}", arn)
        # Names of objects, roles and topics may have a slash in them, names of buckets not.
        free = {"ObjectName", "RoleNameWithPath", "InstanceProfileNameWithPath"}
        return re.compile("".join(re.escape(part) if i % 2 == 0 else (".+" if part in free else "[^/]*")
                                  for i, part in enumerate(parts)))

    def test_a_star_has_a_written_reason(self):
        reasons = (IAM / "README.md").read_text()
        for name, statement in self.statements():
            if "*" not in listed(statement["Resource"]):
                continue
            self.assertIn(f"`{statement['Sid']}`", reasons, f"{name} is for all resources, and iam/README.md does not say why")
            self.assertIn("Condition", statement, f"{name} is for all resources without a condition")
            for action in listed(statement["Action"]):
                service, _, word = action.partition(":")
                kinds = [row["resource_arn_format"] for row in get_action_data(service, word)[service]]
                self.assertIn("*", kinds, f"{name}: {action} can be allowed on {kinds}, so it should be")

    def test_streaming_reads_its_topic_in_its_group_and_no_more(self):
        document = self.policies["msk-streaming"]
        group = MSK.replace(":cluster/", ":group/") + "/rfm"
        for action, resource in [("Connect", MSK), ("DescribeTopic", f"{TOPIC}/orders"), ("ReadData", f"{TOPIC}/orders"),
                                 ("AlterGroup", group), ("DescribeGroup", group)]:
            self.assertTrue(allows(document, f"kafka-cluster:{action}", resource), action)
        for action, resource in [("WriteData", f"{TOPIC}/orders"), ("ReadData", f"{TOPIC}/other"), ("ReadData", f"{TOPIC}/orders-2"),
                                 ("AlterGroup", group + "-2"), ("DeleteTopic", f"{TOPIC}/orders"), ("Connect", MSK + "x"),
                                 ("AlterCluster", MSK), ("CreateTopic", f"{TOPIC}/orders")]:
            self.assertFalse(allows(document, f"kafka-cluster:{action}", resource), f"{action} {resource}")
        self.assertTrue(allows(self.policies["msk-tagged-topic"], "kafka-cluster:WriteData", f"{TOPIC}/tagged"))
        self.assertFalse(allows(self.policies["msk-tagged-topic"], "kafka-cluster:WriteData", f"{TOPIC}/orders"))

    def test_the_producer_writes_and_cannot_read(self):
        document = self.policies["msk-producer"]
        self.assertTrue(allows(document, "kafka-cluster:WriteData", f"{TOPIC}/orders"))
        # Each message exactly once, which the producer asks for, needs this one.
        self.assertTrue(allows(document, "kafka-cluster:WriteDataIdempotently", MSK))
        self.assertFalse(allows(document, "kafka-cluster:ReadData", f"{TOPIC}/orders"))

    def test_nodes_write_their_warehouse_and_nothing_beside_it(self):
        node, data = self.policies["node"], self.policies["node-data"]
        self.assertTrue(allows(data, "s3:GetObject", "arn:aws:s3:::data/orders/2011.csv"))
        self.assertTrue(allows(data, "s3:GetObject", "arn:aws:s3:::data/orders"))
        self.assertTrue(allows(data, "s3:PutObject", "arn:aws:s3:::data/warehouse/t/f.parquet"))
        self.assertTrue(allows(data, "s3:AbortMultipartUpload", "arn:aws:s3:::data/warehouse/t/f.parquet"))
        self.assertTrue(allows(data, "s3:ListBucket", "arn:aws:s3:::data", s3_prefix="warehouse/t/"))
        self.assertTrue(allows(node, "s3:GetObject", "arn:aws:s3:::art/releases/r.tar.gz"))
        self.assertTrue(allows(node, "s3:PutObject", "arn:aws:s3:::logs/emr/j-1/steps/s-1/stderr.gz"))
        for action, resource in [("PutObject", "data/orders/2011.csv"), ("DeleteObject", "data/orders/2011.csv"),
                                 ("PutObject", "data/warehouse2/x"), ("GetObject", "data/other"), ("PutObject", "art/releases/r.tar.gz"),
                                 ("GetObject", "logs/emr/j-1/x"), ("DeleteObject", "logs/emr/j-1/x")]:
            for document in (node, data):
                self.assertFalse(allows(document, f"s3:{action}", f"arn:aws:s3:::{resource}"), f"{action} {resource}")
        self.assertFalse(allows(data, "s3:ListBucket", "arn:aws:s3:::data", s3_prefix=""))

    def test_glue_reaches_the_tables_of_the_suite(self):
        glue = self.policies["node-glue"]
        arn = f"arn:aws:glue:eu-west-1:{ACCOUNT}:"
        for table in ("p_ecom_user_segments", "p_ecom_user_segments_current", "p_ecom_orders_tagged"):
            for action in ("GetTable", "UpdateTable", "CreatePartition"):
                self.assertTrue(allows(glue, f"glue:{action}", f"{arn}table/shop/{table}"), table)
        for table in ("shop/other", "elsewhere/p_ecom_user_segments"):
            for action in ("GetTable", "UpdateTable", "CreatePartition"):
                self.assertFalse(allows(glue, f"glue:{action}", f"{arn}table/{table}"), f"{action} {table}")
        self.assertTrue(allows(glue, "glue:CreateDatabase", f"{arn}database/shop"))
        self.assertFalse(allows(glue, "glue:CreateDatabase", f"{arn}database/elsewhere"))
        # The suite drops neither tables nor databases.
        for action in ("DeleteTable", "DeleteDatabase", "BatchDeleteTable"):
            self.assertFalse(allows(glue, f"glue:{action}", f"{arn}table/shop/p_ecom_user_segments"), action)

    def test_the_operator_has_the_clusters_of_the_suite_only(self):
        operator = self.policies["operator"]
        cluster = f"arn:aws:elasticmapreduce:eu-west-1:{ACCOUNT}:cluster/j-1"
        ours = {"elasticmapreduce_ResourceTag_application": "rfm-suite"}
        for call in ("AddJobFlowSteps", "DescribeCluster", "DescribeStep", "ListSteps", "TerminateJobFlows", "ListInstanceGroups",
                     "ListBootstrapActions"):
            self.assertTrue(allows(operator, f"elasticmapreduce:{call}", cluster, **ours), call)
            self.assertFalse(allows(operator, f"elasticmapreduce:{call}", cluster), call)
        tags = {"aws_RequestTag_application": "rfm-suite", "aws_RequestedRegion": "eu-west-1"}
        self.assertTrue(allows(operator, "elasticmapreduce:RunJobFlow", "*", **tags))
        self.assertFalse(allows(operator, "elasticmapreduce:RunJobFlow", "*", aws_RequestedRegion="eu-west-1"))
        role = f"arn:aws:iam::{ACCOUNT}:role/rfm-suite-emr-node"
        self.assertTrue(allows(operator, "iam:PassRole", role, iam_PassedToService="ec2.amazonaws.com"))
        self.assertFalse(allows(operator, "iam:PassRole", role, iam_PassedToService="lambda.amazonaws.com"))
        self.assertFalse(allows(operator, "iam:PassRole", role + "-2", iam_PassedToService="ec2.amazonaws.com"))
