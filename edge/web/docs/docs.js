/**
 * The reference page: renders /openapi.json, with an example of every body generated from its
 * schema. Builds only text nodes and loads nothing from other origins.
 */
function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

/** An example value of a schema; `seen` stops recursive schemas. */
export function example(schema, schemas, seen = []) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return seen.includes(name) ? {} : example(schemas[name], schemas, [...seen, name]);
  }
  if (schema.examples) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return example(schema.anyOf[0], schemas, seen);
  if (schema.type === "array") return [example(schema.items ?? {}, schemas, seen)];
  if (schema.type === "object") {
    const properties = Object.entries(schema.properties ?? {});
    return Object.fromEntries(properties.map(([name, of]) => [name, example(of, schemas, seen)]));
  }
  return { string: "text", integer: 1, number: 1, boolean: false }[schema.type] ?? null;
}

function drawBody(content, schemas) {
  const schema = content?.["application/json"]?.schema;
  if (!schema) return [];
  const shapes = schema.anyOf ?? [schema];
  return shapes.map((shape) =>
    element("pre", {}, JSON.stringify(example(shape, schemas), null, 2)));
}

function drawParameters(parameters) {
  if (parameters.length === 0) return [];
  const rows = parameters.map((parameter) =>
    element("tr", {},
      element("td", {}, element("code", {}, parameter.name)),
      element("td", { className: "quiet" }, parameter.in),
      element("td", {}, parameter.description ?? (parameter.required ? "required" : ""))));
  return [element("table", {}, ...rows)];
}

function drawOperation(path, method, operation, schemas) {
  const answers = Object.entries(operation.responses).flatMap(([status, response]) => [
    element("p", {}, element("b", {}, status), ` ${response.description}`),
    ...(status.startsWith("2") ? drawBody(response.content, schemas) : []),
  ]);
  return element("section", { id: operation.operationId },
    element("h2", {}, element("span", { className: "method" }, method.toUpperCase()),
      element("code", {}, path)),
    element("p", {}, operation.summary,
      operation.security ? " — needs no token." : ""),
    ...drawParameters(operation.parameters),
    ...drawBody(operation.requestBody?.content, schemas),
    ...answers);
}

export function drawReference(description) {
  const schemas = description.components.schemas;
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      drawOperation(path, method, operation, schemas)));
  return [
    element("h1", {}, `${description.info.title} API`),
    element("p", {}, description.info.description),
    element("p", {}, element("a", { href: "/openapi.json" }, "openapi.json"), " · ",
      element("a", { href: "/asyncapi.json" }, "asyncapi.json")),
    ...operations,
  ];
}

const reference = document.getElementById("reference");
const answer = await fetch("/openapi.json");
reference.append(...drawReference(await answer.json()));
