"""create-cluster: the call that is sent, the cluster that comes of it, and what is said before anything costs money."""

import json
import shlex

from case import BOOTSTRAP, BUCKET, Case, RELEASE, sha256
from imitation import EMR

SUM = "ab" * 32
BOOTSTRAP_ADDRESS = f"s3://{BUCKET}/rfm-suite/install-rfm-suite-{sha256(BOOTSTRAP)[:12]}.sh"
BASE = ["--name", "rfm", "--release", RELEASE, "--sha256", SUM, "--log-uri", f"s3://{BUCKET}/logs", "--subnet", "subnet-0ab1"]


class CreateCluster(Case):
    def create(self, *more, **how):
        return self.run_script("create-cluster", *BASE, "--no-checks", *more, **how).strip()

    def test_the_cluster_is_the_one_that_was_meant(self):
        cluster = self.create("--security-group", "sg-0c1", "--idle-timeout", "3600", "--task-count", "2", "--tag", "team=shop data",
                              "--primary-type", "m6i.2xlarge", "--core-count", "3", "--glue", "--trino", "--log-kms-key", "arn:key",
                              "--security-configuration", "at-rest", "--key-name", "ops")
        emr = self.aws.client("emr")
        made = emr.describe_cluster(ClusterId=cluster)["Cluster"]
        self.assertEqual(made["Name"], "rfm")
        self.assertEqual(made["ReleaseLabel"], "emr-7.9.0")
        self.assertEqual(made["LogUri"], f"s3://{BUCKET}/logs/")
        self.assertEqual(made["ServiceRole"], "rfm-suite-emr-service")
        self.assertEqual([a["Name"] for a in made["Applications"]], ["Hadoop", "Hive", "ZooKeeper", "Trino"])
        self.assertEqual({t["Key"]: t["Value"] for t in made["Tags"]}, {
            "for-use-with-amazon-emr-managed-policies": "true", "application": "rfm-suite",
            "rfm-suite:release": SUM[:12], "team": "shop data"})
        nodes = made["Ec2InstanceAttributes"]
        self.assertEqual(nodes["Ec2SubnetId"], "subnet-0ab1")
        self.assertEqual(nodes["IamInstanceProfile"], "rfm-suite-emr-node")
        self.assertEqual(nodes["AdditionalMasterSecurityGroups"], ["sg-0c1"])
        self.assertEqual(nodes["AdditionalSlaveSecurityGroups"], ["sg-0c1"])
        self.assertFalse(made["AutoTerminate"])
        self.assertFalse(made["TerminationProtected"])
        settings = {c["Classification"]: c["Properties"] for c in made["Configurations"]}
        self.assertEqual(sorted(settings), ["hive-site", "trino-connector-hive", "yarn-site"])
        self.assertEqual(settings["yarn-site"]["yarn.webapp.api-service.enable"], "true")
        self.assertIn("AWSGlueDataCatalog", settings["hive-site"]["hive.metastore.client.factory.class"])
        groups = {g["InstanceGroupType"]: g for g in emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]}
        self.assertEqual({k: (g["InstanceType"], g["RequestedInstanceCount"], g["Market"]) for k, g in groups.items()}, {
            "MASTER": ("m6i.2xlarge", 1, "ON_DEMAND"), "CORE": ("r6i.xlarge", 3, "ON_DEMAND"), "TASK": ("r6i.xlarge", 2, "SPOT")})
        for group in groups.values():
            volume = group["EbsBlockDevices"][0]["VolumeSpecification"]
            self.assertEqual((volume["VolumeType"], volume["SizeInGB"]), ("gp3", 64))
        actions = emr.list_bootstrap_actions(ClusterId=cluster)["BootstrapActions"]
        self.assertEqual([(a["Name"], a["ScriptPath"], a["Args"]) for a in actions],
                         [("install rfm-suite", BOOTSTRAP_ADDRESS, ["--from", RELEASE, "--sha256", SUM])])
        # What the imitation takes and forgets.
        [sent] = self.aws.calls("emr RunJobFlow")
        self.assertEqual(sent["AutoTerminationPolicy"], {"IdleTimeout": 3600})
        self.assertEqual(sent["LogEncryptionKmsKeyId"], "arn:key")
        self.assertEqual(sent["SecurityConfiguration"], "at-rest")
        self.assertEqual(sent["EbsRootVolumeSize"], 30)
        self.assertEqual(sent["Instances"]["Ec2KeyName"], "ops")
        self.assertTrue(sent["Instances"]["KeepJobFlowAliveWhenNoSteps"])

    def test_the_installer_takes_the_arguments_that_it_is_given(self):
        printed = self.run_script("create-cluster", *BASE, "--dry-run")
        words = shlex.split(printed)
        action = json.loads(words[words.index("--bootstrap-actions") + 1])[0]
        options = set((BOOTSTRAP).read_text().split())
        for word in action["Args"][::2]:
            self.assertIn(word, options)

    def test_fleets(self):
        self.create("--fleets", "--core-type", "r6i.xlarge,r5.xlarge", "--core-count", "4", "--task-type", "c6i.xlarge",
                    "--task-count", "8", "--subnet", "subnet-0ab1,subnet-0ab2", "--primary-security-group", "sg-01",
                    "--core-security-group", "sg-02", "--service-security-group", "sg-03")
        [sent] = self.aws.calls("emr RunJobFlow")
        self.assertNotIn("InstanceGroups", sent["Instances"])
        self.assertEqual(sent["Instances"]["Ec2SubnetIds"], ["subnet-0ab1", "subnet-0ab2"])
        self.assertEqual(sent["Instances"]["EmrManagedMasterSecurityGroup"], "sg-01")
        self.assertEqual(sent["Instances"]["EmrManagedSlaveSecurityGroup"], "sg-02")
        self.assertEqual(sent["Instances"]["ServiceAccessSecurityGroup"], "sg-03")
        fleets = {f["InstanceFleetType"]: f for f in sent["Instances"]["InstanceFleets"]}
        self.assertEqual(fleets["CORE"]["TargetOnDemandCapacity"], 4)
        self.assertEqual([c["InstanceType"] for c in fleets["CORE"]["InstanceTypeConfigs"]], ["r6i.xlarge", "r5.xlarge"])
        self.assertEqual(fleets["TASK"]["TargetSpotCapacity"], 8)
        self.assertEqual(fleets["TASK"]["LaunchSpecifications"]["SpotSpecification"]["TimeoutAction"], "SWITCH_TO_ON_DEMAND")

    def test_a_dry_run_prints_the_call_that_is_sent_otherwise(self):
        options = ["--tag", "owner=it's \"us\"", "--task-count", "1", "--", "--step-concurrency-level", "2"]
        printed = self.run_script("create-cluster", *BASE, "--dry-run", *options)
        self.assertEqual(self.aws.names(), [])
        self.create(*options)
        [first] = self.aws.calls("emr RunJobFlow")
        self.assertEqual(first["StepConcurrencyLevel"], 2)
        self.assertIn({"Key": "owner", "Value": "it's \"us\""}, first["Tags"])
        # Typed as it was printed, it is the same request.
        command = self.folder / "typed"
        command.write_text(f"#!/bin/sh\n{printed.strip()} --endpoint-url {self.aws.url}\n")
        command.chmod(0o755)
        self.run_script(command)
        self.assertEqual(self.aws.calls("emr RunJobFlow")[1], first)

    def test_everything_that_is_named_is_looked_for(self):
        archive, checksum = self.archive()
        base = [*BASE[:4], "--log-uri", "s3://shop-logs/emr", "--region", "eu-west-1"]
        ec2, iam = self.aws.client("ec2"), self.aws.client("iam")
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]

        def refused(why, checksum=checksum, subnet=subnet):
            self.run_script("create-cluster", *base, "--sha256", checksum, "--subnet", subnet, code=1, says=why)

        refused(["rfm-suite-1-x86_64.tar.gz does not exist", "upload-release"])
        self.bucket()
        self.run_script("upload-release", f"s3://{BUCKET}/rfm-suite", archive)
        refused(["has the checksum " + checksum], checksum=SUM)
        refused(["the log bucket shop-logs does not exist", "--log-uri"])
        self.bucket("shop-logs")
        refused(["subnet-0ab1 does not exist", "--subnet or --region"], subnet="subnet-0ab1")
        refused(["the role rfm-suite-emr-service does not exist", "iam/create-roles"])
        self.assertNotIn("emr RunJobFlow", self.aws.names())
        iam.create_role(RoleName="rfm-suite-emr-service", AssumeRolePolicyDocument="{}")
        refused(["the instance profile rfm-suite-emr-node does not exist"])
        iam.create_instance_profile(InstanceProfileName="rfm-suite-emr-node")
        self.run_script("create-cluster", *base, "--sha256", checksum, "--subnet", subnet, says="created cluster j-")
        # A bootstrap action that somebody has changed on S3 would run as root on every node.
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=BOOTSTRAP_ADDRESS.split("/", 3)[3], Body=b"#!/bin/sh\nevil\n")
        refused(["was changed"])

    def test_who_may_not_look_goes_on(self):
        self.aws.client("iam").create_instance_profile(InstanceProfileName="rfm-suite-emr-node")
        self.bucket()
        archive, checksum = self.archive()
        self.run_script("upload-release", f"s3://{BUCKET}/rfm-suite", archive)
        subnet = self.aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        self.aws.fail_next("iam GetRole", 403, "AccessDenied")
        self.run_script("create-cluster", *BASE[:4], "--sha256", checksum, "--log-uri", f"s3://{BUCKET}/l", "--subnet", subnet,
                        says=["not allowed to look at the role", "created cluster j-"])

    def test_a_name_is_used_once(self):
        first = self.create()
        self.assertEqual(self.create(says="nothing to create"), first)
        self.create("--sha256", "cd" * 32, code=2, says="several --sha256 need {arch}")
        other = [*BASE[:4], "--sha256", "cd" * 32, *BASE[6:], "--no-checks"]
        self.run_script("create-cluster", *other, code=1, says=["has release abababababab, not cdcdcdcdcdcd", "--new"])
        second = self.run_script("create-cluster", *other, "--new").strip()
        self.assertNotEqual(second, first)
        self.aws.client("emr").terminate_job_flows(JobFlowIds=[first, second])
        self.assertNotIn(self.create(), (first, second))

    def test_wait(self):
        states = iter(["STARTING", "BOOTSTRAPPING", "WAITING"])
        self.aws.before("emr DescribeCluster", lambda: self.set_states(next(states)))
        self.create("--wait", "--poll", "0", says=["STARTING", "BOOTSTRAPPING", "WAITING"])
        self.aws.before("emr DescribeCluster", lambda: self.set_states("TERMINATED_WITH_ERRORS", "bootstrap action 1 failed"))
        self.create("--new", "--wait", "--poll", "0", code=1, says=["bootstrap action 1 failed", f"s3://{BUCKET}/logs/j-"])
        self.aws.before("emr DescribeCluster", lambda: self.set_states("STARTING"))
        self.create("--new", "--wait", "--poll", "0", "--timeout", "0", code=3, says="it goes on")

    def set_states(self, state, reason=None):
        for cluster in self.aws.client("emr").list_clusters()["Clusters"]:
            self.aws.cluster(cluster["Id"]).state = state
            self.aws.cluster(cluster["Id"]).last_state_change_reason = reason

    def test_a_transient_cluster_tells_how_its_steps_went(self):
        step = self.run_script("add-step", "--print", "--on-failure", "TERMINATE_CLUSTER", "batch").strip()
        options = ["--steps", f"[{step}]", "--auto-terminate", "--wait", "--poll", "0", "--new"]

        def end(state):
            def action():
                for listed in self.aws.client("emr").list_clusters(ClusterStates=["RUNNING", "WAITING"])["Clusters"]:
                    cluster = self.aws.cluster(listed["Id"])
                    cluster.steps[0].state = state
                    cluster.state = "TERMINATED"
            return action

        self.aws.before("emr DescribeCluster", end("COMPLETED"))
        self.create(*options, says="all steps of j-")
        [sent] = self.aws.calls("emr RunJobFlow")
        self.assertFalse(sent["Instances"]["KeepJobFlowAliveWhenNoSteps"])
        self.assertEqual(sent["Steps"][0]["HadoopJarStep"]["Jar"], "command-runner.jar")
        self.aws.before("emr DescribeCluster", end("FAILED"))
        self.create(*options, code=1, says=["rfm-suite batch\tFAILED", "did not complete", f"s3://{BUCKET}/logs/j-"])

    def test_errors_of_aws(self):
        self.aws.fail_next("emr RunJobFlow", 400, "ThrottlingException")
        self.create("--new", code=3, says=["cannot create the cluster", "try again later"])
        self.aws.fail_next("emr RunJobFlow", 400, "ValidationException")
        self.create("--new", code=1, says="ValidationException of the test")
        self.create(code=1, says="no valid AWS credentials", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
        self.create(code=1, says="no region", AWS_DEFAULT_REGION=None)
        self.create(code=3, says="Could not connect", AWS_ENDPOINT_URL="http://127.0.0.1:1")

    def test_bad_usage_costs_no_request(self):
        twice = self.folder / "twice.json"
        twice.write_text('[{"Classification": "yarn-site", "Properties": {}}]')
        for words, said in [
            ([], "--name is missing"),
            (BASE[:2], "--release is missing"),
            ([*BASE, "--sha256"], "--sha256 needs a value"),
            ([*BASE[:4], "--sha256", "12", *BASE[6:]], "is not 64 hexadecimal digits"),
            ([*BASE, "--release", "s3://bucket"], "is not s3://BUCKET/FOLDER/ARCHIVE"),
            ([*BASE, "--release", f"s3://{BUCKET}/r-{{arch}}.tar.gz"], "x86_64=HEX or aarch64=HEX"),
            ([*BASE, "--log-uri", "/logs"], "is not s3://BUCKET/FOLDER"),
            ([*BASE, "--core-count", "some"], "is not a whole number"),
            ([*BASE, "--core-count", "0", "--task-count", "1"], "task nodes need core nodes"),
            ([*BASE, "--idle-timeout", "5"], "between 60 and 604800"),
            ([*BASE, "--auto-terminate"], "without --steps"),
            ([*BASE, "--subnet", "vpc-1"], "is no id of a subnet"),
            ([*BASE, "--core-type", "r6i.xlarge,r5.xlarge"], "lists are for --fleets"),
            ([*BASE, "--tag", "team"], "is not KEY=VALUE"),
            ([*BASE, "--configurations", str(twice)], "these classifications twice: yarn-site"),
            ([*BASE, "--steps", "batch"], "neither a JSON array"),
            ([*BASE, "--nmae", "x"], "unknown argument '--nmae'"),
        ]:
            self.run_script("create-cluster", *words, code=2, says=said)
        self.run_script("create-cluster", *BASE, "--configurations", "/none.json", code=1, says="there is no file '/none.json'")
        self.assertEqual(self.aws.names(), [])

    def test_the_shipped_configurations_are_what_emr_takes(self):
        for file in sorted((EMR / "configurations").glob("*.json")):
            content = json.loads(file.read_text())
            if file.name == "security-configuration.json":
                made = self.aws.client("emr").create_security_configuration(Name="at-rest", SecurityConfiguration=json.dumps(content))
                self.assertEqual(made["Name"], "at-rest")
                continue
            for entry in content:
                self.assertEqual(sorted(entry), ["Classification", "Properties"], file.name)
                self.assertTrue(all(isinstance(v, str) for v in entry["Properties"].values()), file.name)
