// SCIMMY behind oidc-provider, on a free port of loopback; ends with its standard input.
// Prints one line of JSON: the port, and the ids and secrets of the clients.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

import express from "express";
import { Provider } from "oidc-provider";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const SCOPES = "scim:read scim:write";
const SECRET = "s3cr:et+/ %ab-that-needs-to-be-encoded";

const { Attribute, SchemaDefinition } = SCIMMY.Types;
const hr = new SchemaDefinition(
  "HR",
  "urn:ietf:params:scim:schemas:extension:hr:2.0:User",
  "What the HR system knows",
  [
    new Attribute("string", "departmentCode", { caseExact: true, returned: "always" }),
    new Attribute("boolean", "contractor"),
    new Attribute("complex", "desk", { multiValued: true }, [
      new Attribute("string", "building", { canonicalValues: ["north", "south"] }),
      new Attribute("integer", "floor"),
    ]),
  ],
);
const resource = { ingress: () => ({}), egress: () => [], degress: () => {} };
SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(hr), resource);
SCIMMY.Resources.declare(SCIMMY.Resources.Group, resource);

const key = { RS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }] };
const pairs = Object.fromEntries(
  Object.entries(key).map(([name, [type, options]]) => [name, generateKeyPairSync(type, options)]),
);
const client = (client_id, token_endpoint_auth_method, more) => ({
  client_id,
  token_endpoint_auth_method,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
  scope: SCOPES,
  ...more,
});
const signing = Object.entries(pairs).map(([name, { publicKey }]) =>
  client(`signs-${name}`, "private_key_jwt", {
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: name, use: "sig", alg: name }] },
    token_endpoint_auth_signing_alg: name,
  }),
);

const app = express();
const server = createServer(app);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const api = `http://127.0.0.1:${port}/scim`;
  const issuer = new Provider(`http://127.0.0.1:${port}/issuer`, {
    clients: [
      client("post:client", "client_secret_post", { client_secret: SECRET }),
      client("basic:client", "client_secret_basic", { client_secret: SECRET }),
      ...signing,
    ],
    scopes: SCOPES.split(" "),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: () => ({ scope: SCOPES, audience: api, accessTokenFormat: "opaque" }),
      },
    },
    ttl: { ClientCredentials: 120 },
  });
  const routers = new SCIMMYRouters({
    type: "bearer",
    handler: async (request) => {
      const token = request.header("Authorization")?.replace(/^Bearer /, "");
      const found = token && (await issuer.ClientCredentials.find(token));
      if (!found) throw new Error("unknown token");
      if (found.aud !== api) throw new Error("token for another resource");
      if (!found.scope?.split(" ").includes("scim:read")) throw new Error("insufficient scope");
      return found.clientId;
    },
  });
  app.use("/issuer", issuer.callback());
  app.use("/scim", routers);
  const secrets = { secret: SECRET, "id-post": "post:client", "id-basic": "basic:client" };
  for (const [name, { privateKey }] of Object.entries(pairs)) {
    secrets[`id-${name}`] = `signs-${name}`;
    secrets[name] = privateKey.export({ type: "pkcs8", format: "pem" });
  }
  console.log(JSON.stringify({ port, secrets }));
});
process.stdin.on("end", () => process.exit(0)).resume();
