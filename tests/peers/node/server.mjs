// SCIMMY behind oidc-provider, on two free ports of loopback; ends with its standard input.
// The folder in $CERTIFICATES has the certificates of the port with TLS, and of two clients.
// Prints one line of JSON: the ports, and the ids and secrets of the clients.
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";

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

const pem = (name) => readFileSync(`${process.env.CERTIFICATES}/${name}.pem`, "utf8");
const own = new X509Certificate(pem("self-signed"));
const bound = { tls_client_certificate_bound_access_tokens: true };
const certified = [
  client("certified", "tls_client_auth", { tls_client_auth_san_dns: "acme.example.com", ...bound }),
  client("self-signed", "self_signed_tls_client_auth", {
    jwks: {
      keys: [{ ...own.publicKey.export({ format: "jwk" }), x5c: [own.raw.toString("base64")] }],
    },
    ...bound,
  }),
  client("bound", "client_secret_post", { client_secret: SECRET, ...bound }),
];
const thumbprint = (certificate) =>
  certificate && createHash("sha256").update(certificate.raw).digest("base64url");

const app = express();
const server = createServer(app);
const secure = createSecureServer(
  { key: pem("server"), cert: pem("server"), ca: pem("authority"), requestCert: true,
    rejectUnauthorized: false },
  app,
);
const listening = (each) => new Promise((done) => each.listen(0, "127.0.0.1", done));
await Promise.all([server, secure].map(listening));
{
  const { port } = server.address();
  const { port: securePort } = secure.address();
  const api = `http://127.0.0.1:${port}/scim`;
  const issuer = new Provider(`http://127.0.0.1:${port}/issuer`, {
    clients: [
      client("post:client", "client_secret_post", { client_secret: SECRET }),
      client("basic:client", "client_secret_basic", { client_secret: SECRET }),
      ...signing,
      ...certified,
    ],
    clientAuthMethods: [
      "client_secret_post",
      "client_secret_basic",
      "private_key_jwt",
      "tls_client_auth",
      "self_signed_tls_client_auth",
    ],
    discovery: {
      mtls_endpoint_aliases: { token_endpoint: `https://127.0.0.1:${securePort}/issuer/token` },
    },
    scopes: SCOPES.split(" "),
    features: {
      clientCredentials: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => ctx.req.socket.getPeerX509Certificate?.(),
        certificateAuthorized: (ctx) => ctx.req.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) =>
          property === "tls_client_auth_san_dns" &&
          Boolean(ctx.req.socket.getPeerX509Certificate().checkHost(expected)),
      },
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
      const shown = thumbprint(request.socket.getPeerX509Certificate?.());
      if (found["x5t#S256"] && found["x5t#S256"] !== shown) {
        throw new Error("token of another certificate");
      }
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
  for (const { client_id } of certified) secrets[`id-${client_id}`] = client_id;
  console.log(JSON.stringify({ port, securePort, secrets }));
}
process.stdin.on("end", () => process.exit(0)).resume();
