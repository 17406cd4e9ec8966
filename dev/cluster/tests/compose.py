"""Checks a compose file as podman-compose prints it: compose.py COMPOSE RENDERED POM"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import yaml

compose, rendered, pom = (Path(argument) for argument in sys.argv[1:])
services = yaml.safe_load(compose.read_text())["services"]
findings = []


def expect(condition, finding):
    if not condition:
        findings.append(finding)


# The rendered files.
texts = {file: file.read_text() for file in rendered.rglob("*") if file.is_file()}
for file, text in texts.items():
    left = re.search(r"@[A-Z][A-Z0-9_]*@", text)
    expect(not left, f"{file.name} still holds {left and left[0]}")
    expect("elsewhere" not in text, f"{file.name} holds a setting of the caller")
    if file.suffix == ".xml":
        ElementTree.fromstring(text)

# Images: exact versions, of Hive and Kafka those of the plain processes.
versions = {tag.tag.split("}")[1]: tag.text for tag in ElementTree.parse(pom).iter() if tag.tag.endswith(".version")}
same = {("apache/hive", "metastore3"): "metastore3.version", ("apache/hive", None): "hive.version",
        ("apache/kafka", None): "kafka.version"}
for name, service in services.items():
    image, _, tag = service.get("image", "").partition(":")
    expect(re.fullmatch(r"\d+\.\d+\.\d+", tag), f"{name} has no exact version: {image}:{tag}")
    key = same.get((image, name)) or same.get((image, None))
    expect(not key or tag == versions[key], f"{name} runs {tag}, but the plain processes {versions.get(key)}")
    if image == "apache/hadoop":
        ours = versions["hadoop.version"]
        expect(tag.split(".")[:2] == ours.split(".")[:2], f"{name} runs {tag}, but the plain processes {ours}")

    # Mounts: rendered, and there.
    for volume in service.get("volumes", []):
        source, target, mode = volume.split(":")
        folder = Path(source)
        expect(rendered in folder.parents and any(folder.glob("*")), f"{name} mounts {source}, which is not rendered")
        expect(target == f"/rfm/conf/{folder.name}" and mode == "ro", f"{name}: {volume}")

    # Ports: of one container.
    expect(service.get("ports") is None or name == "network", f"{name} publishes ports; `network` has them all")
    expect(name == "network" or service.get("network_mode") == "service:network", f"{name} has a network of its own")

# On the loopback interface, each a daemon's own.
configured = {port for text in texts.values() for port in re.findall(r"(?<=[:>=])\d{4,5}\b", text)}
for port in services["network"]["ports"]:
    match = re.fullmatch(r"127\.0\.0\.1:(\d+):(\d+)", str(port))
    expect(match and match[1] == match[2], f"port {port}")
    # That of the Hive 3 metastore is in no file.
    expect(match and (match[1] in configured or match[1] == "9084"), f"port {port} is in no configuration file")

for finding in findings:
    print(f"compose.yaml: {finding}", file=sys.stderr)
print(f"compose.yaml: {len(services)} services, {len(texts)} files, {len(findings)} findings")
sys.exit(bool(findings))
