"""Reads files of deploy/ as the tools read them that they are for, and prints what they say as JSON.

    deploy.py compose FILE VARIABLES     a compose file with these variables (JSON), against the Compose specification
    deploy.py chart FOLDER VALUES        a Helm chart with these values (JSON): linted, rendered, and each document against the
                                         API of Kubernetes, without fields that it does not know

What is wrong is {"error": "..."}.
"""

import json
import re
import sys

import compose_spec
import helm_python
import kubernetes_validate
import yaml
from helm_python import chart

# Of others than Kubernetes itself, so it has no schema for them.
FOREIGN = {"ServiceMonitor"}


class Wrong(Exception):
    """What is told."""


def interpolate(text, variables):
    """As the Compose specification has it: $$, ${NAME}, ${NAME:-default}, ${NAME:?error}."""

    def value(match):
        if match["escaped"]:
            return "$"
        name, how, rest = match["name"], match["how"], match["rest"]
        if variables.get(name):
            return variables[name]
        if how == ":-":
            return rest
        if how == ":?":
            raise Wrong(f"{name}: {rest}")
        raise Wrong(f"{name} is not set")

    pattern = r"(?P<escaped>\$\$)|\$\{(?P<name>[A-Z_]+)(?:(?P<how>:[-?])(?P<rest>[^}]*))?\}"
    return re.sub(pattern, value, text)


def compose(path, variables):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # Comments may name variables as they like.
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    # Errors are told for all variables that a file has, in whatever order it has them.
    document = yaml.safe_load(interpolate("\n".join(lines), variables))
    extensions = [key for key in document if key.startswith("x-")]
    for key in extensions:
        del document[key]
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(document))
    parsed.validate()
    parsed.to_spec()
    return document


def render(folder, values):
    lint = chart.lint(folder, values, strict=True)
    found = [message for message in lint["messages"] if message["severity"] > 1]
    if found or lint["errors"]:
        raise Wrong(json.dumps(found or lint["errors"]))
    loaded = chart.Chart.load(folder)
    rendered = loaded.render(values, name="it", namespace="calls")
    documents = []
    for path, text in rendered.items():
        if path.endswith(".txt"):
            continue
        for document in yaml.safe_load_all(text):
            if document is None:
                continue
            if document["kind"] not in FOREIGN:
                kubernetes_validate.validate(document, "1.37", strict=True)
            documents.append(document)
    return documents


def main():
    task, path, given = sys.argv[1:]
    try:
        told = {"compose": compose, "chart": render}[task](path, json.loads(given))
    except Wrong as error:
        told = {"error": str(error)}
    except (kubernetes_validate.ValidationError, helm_python.HelmError, ValueError) as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    json.dump(told, sys.stdout)


main()
