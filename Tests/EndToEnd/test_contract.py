"""openapi.yaml as a client's tools read it: valid OpenAPI 3.1, its examples fit their schemas, and so do real answers."""

import json

import jsonschema
import pytest
import referencing
import referencing.jsonschema
import yaml
from openapi_spec_validator import validate

import harness

ROOT = harness.HERE.parent.parent


@pytest.fixture(scope="module")
def contract():
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


def validator(contract, schema):
    """Of a schema that may refer to others of the contract. `format` is checked where the library can."""
    resource = referencing.Resource(contents=contract, specification=referencing.jsonschema.DRAFT202012)
    registry = referencing.Registry().with_resource("contract:", resource)
    return jsonschema.Draft202012Validator(absolute(schema), registry=registry,
                                           format_checker=jsonschema.FormatChecker())


def absolute(schema):
    """The schema with its references made into ones into the contract."""
    if isinstance(schema, dict):
        return {name: "contract:" + value if name == "$ref" else absolute(value) for name, value in schema.items()}
    return [absolute(value) for value in schema] if isinstance(schema, list) else schema


def resolved(contract, value):
    if isinstance(value, dict) and "$ref" in value:
        for name in value["$ref"].removeprefix("#/").split("/"):
            contract = contract[name]
        return contract
    return value


def media_types(value, path=""):
    """Every `content` entry of the contract, with where it stands."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "content" and isinstance(member, dict):
                yield from ((f"{path}/content/{kind}", entry) for kind, entry in member.items())
            yield from media_types(member, f"{path}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from media_types(member, f"{path}/{index}")


def test_it_is_openapi(contract):
    validate(contract)


def test_every_example_fits_its_schema(contract):
    checked = 0
    for place, entry in media_types(contract["paths"]):
        examples = [resolved(contract, example)["value"] for example in entry.get("examples", {}).values()]
        examples += [entry["example"]] if "example" in entry else []
        for example in examples:
            errors = [f"{place}: {error.json_path}: {error.message}" for error in
                      validator(contract, entry["schema"]).iter_errors(example)]
            assert errors == []
            checked += 1
    assert checked >= 3


def test_every_example_job_fits_the_schema_of_jobs(contract):
    check = validator(contract, {"$ref": "#/components/schemas/Job"})
    files = sorted((ROOT / "Examples/jobs").glob("*.json"))
    assert len(files) >= 8
    for path in files:
        errors = [f"{path.name}: {error.json_path}: {error.message}" for error in check.iter_errors(json.loads(path.read_text()))]
        assert errors == []


def answers(client, site):
    """`(operation's path, method, answer)` of a job's whole life."""
    job = harness.job_of(site, name="contract")
    preview = client.post("/v1/jobs/preview", job)
    yield "/v1/jobs/preview", "post", preview
    accepted = client.post("/v1/jobs", job)
    yield "/v1/jobs", "post", accepted
    job_id = harness.as_json(accepted)["id"]
    client.finished(job_id)
    for path in ("/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/results", "/v1/jobs/{id}/pages", "/v1/jobs/{id}/word-counts",
                 "/v1/jobs/{id}/deliveries"):
        yield path, "get", client.get(path.replace("{id}", job_id) + ("?limit=3" if path != "/v1/jobs/{id}" else ""))
    yield "/v1/jobs/{id}/retry-failed", "post", client.post(f"/v1/jobs/{job_id}/retry-failed")
    yield "/v1/jobs/{id}/resume", "post", client.post(f"/v1/jobs/{job_id}/resume")
    yield "/v1/jobs", "post", client.post("/v1/jobs", {"start": 1})
    yield "/v1/jobs/preview", "post", client.post("/v1/jobs/preview", {"start": 1})
    yield "/v1/jobs/{id}", "get", client.get("/v1/jobs/nobody")


def test_real_answers_fit_their_schemas(contract, client, small_site):
    seen = set()
    for path, method, answer in answers(client, small_site):
        operation = contract["paths"][path][method]
        promised = resolved(contract, operation["responses"][str(answer.status)])
        kind = answer.headers["Content-Type"].partition(";")[0]
        schema = promised["content"][kind]["schema"]
        errors = [f"{method} {path} {answer.status}: {error.json_path}: {error.message}" for error in
                  validator(contract, schema).iter_errors(harness.as_json(answer))]
        assert errors == []
        seen.add((path, method, answer.status))
    assert len(seen) >= 12, seen
