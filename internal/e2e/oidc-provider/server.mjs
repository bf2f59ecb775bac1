// An authorization server on loopback made of npm `oidc-provider`: RFC 9068 access tokens by client_credentials, one resource
// (RFC 8707) for each signature algorithm and one for opaque tokens, introspection (RFC 7662, RFC 9701), revocation (RFC 7009), and
// signing keys that rotate on command.
//
// PORT picks the port, 0 or nothing a free one. CLIENTS is a JSON array of clients to register, by RFC 7591 metadata. TLS_DIR, with
// server.pem, server.key and ca.pem in it, has it listen with TLS as well, for clients with certificates, to which it binds the tokens
// of those registered for that (RFC 8705). One line of JSON on stdout says that it listens and how to ask for tokens; keys and the secret
// of its own client are made at every start. Then each line on stdin is a command, answered by one line of JSON:
//
//   announce   list new keys after those that sign
//   switch     sign with the announced keys, those before stay listed
//   drop       list the signing keys only
//   now        replace every key at once
//   counts     requests answered so far, by path
//
// It ends when stdin closes, so that a test that dies leaves nothing behind.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import { createInterface } from 'node:readline';
import { generateKeyPair, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import Provider, { errors } from 'oidc-provider';

console.info = console.error; // oidc-provider's remarks: stdout is for answers

const API = 'https://api.example.com/'; // audiences of the service under test: API + name of the algorithm, or 'opaque'
const OTHER_API = 'https://other.example.com/'; // somebody else's
const LIFETIME = 3600;
const BRIEF = 1; // of the resource API + 'brief', in seconds
const SCOPE = 'orders:read orders:write';

// How to make a key for each algorithm, as node's crypto names it.
const ALGORITHMS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519', {}],
  Ed25519: ['ed25519', {}],
};

const newKeys = () => Promise.all(Object.entries(ALGORITHMS).map(async ([alg, [type, options]]) => {
  const { privateKey } = await promisify(generateKeyPair)(type, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${randomUUID()}` };
}));

function resource(indicator) {
  const name = indicator.slice(indicator.lastIndexOf('/') + 1);
  if (![API, OTHER_API].includes(indicator.slice(0, -name.length))) throw new errors.InvalidTarget();
  const common = { scope: SCOPE, audience: indicator, accessTokenTTL: name === 'brief' ? BRIEF : LIFETIME };
  if (name === 'opaque') return { ...common, accessTokenFormat: 'opaque' };
  const alg = name === 'brief' ? 'ES256' : name;
  if (!(alg in ALGORITHMS)) throw new errors.InvalidTarget();
  return { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

// Opaque tokens, and the assertions that clients have used. They outlive the Provider that made them, and there may be many:
// what oidc-provider keeps by itself is a thousand.
const kept = new Map();
class Adapter {
  constructor(model) { this.model = model; }

  key(id) { return `${this.model} ${id}`; }

  async upsert(id, payload, expiresIn) { kept.set(this.key(id), { payload, until: Date.now() + expiresIn * 1000 }); }

  async find(id) {
    const found = kept.get(this.key(id));
    return found?.until > Date.now() ? found.payload : undefined;
  }

  async consume(id) { kept.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { kept.delete(this.key(id)); }
}

// How a client's certificate is judged (RFC 8705 section 2). Node has checked the chain; a self-signed one is not `authorized`.
const certificateOf = (ctx) => ctx.req.socket.getPeerX509Certificate?.();
const mTLS = {
  enabled: true,
  certificateBoundAccessTokens: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: certificateOf,
  certificateAuthorized: (ctx) => ctx.req.socket.authorized === true,
  certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
    && (certificateOf(ctx).subjectAltName ?? '').split(', ').includes(`DNS:${expected}`),
};

const client = {
  client_id: 'orders-client',
  client_secret: randomBytes(32).toString('base64url'),
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  scope: SCOPE,
  token_endpoint_auth_method: 'client_secret_basic',
};
const clients = [client, ...JSON.parse(process.env.CLIENTS ?? '[]').map((registered) => ({
  grant_types: [], redirect_uris: [], response_types: [], ...registered,
}))];
const cookieKeys = [randomBytes(32).toString('base64url')];

function newProvider(issuer, keys) {
  const provider = new Provider(issuer, {
    adapter: Adapter,
    clients,
    jwks: { keys },
    cookies: { keys: cookieKeys },
    scopes: SCOPE.split(' '),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
    enabledJWA: {
      clientAuthSigningAlgValues: Object.keys(ALGORITHMS),
      idTokenSigningAlgValues: Object.keys(ALGORITHMS),
      introspectionSigningAlgValues: Object.keys(ALGORITHMS),
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      mTLS,
      resourceIndicators: { enabled: true, getResourceServerInfo: (ctx, indicator) => resource(indicator) },
      revocation: { enabled: true },
    },
    ttl: { ClientCredentials: (ctx, token) => token.resourceServer.accessTokenTTL },
    extraTokenClaims: () => ({ tenant: 'acme' }),
    routes: { introspection: '/introspect', jwks: '/jwks', revocation: '/revoke', token: '/token' },
  });
  provider.on('server_error', (ctx, err) => console.error(err));
  return provider.callback();
}

const counts = {};
let answer; // the handler of the current provider: a Provider's keys are fixed, so each rotation makes a new one
const serve = (req, res) => {
  const path = req.url.split('?')[0];
  counts[path] = (counts[path] ?? 0) + 1;
  answer(req, res);
};
const server = createServer(serve);
let signing = await newKeys();
let announced = [];
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
await once(server, 'listening'); // the issuer's name holds the port; nobody is answered before the next line has run
const issuer = `http://127.0.0.1:${server.address().port}`;
const list = (...keys) => { answer = newProvider(issuer, keys); };
list(...signing);

let tlsURL;
if (process.env.TLS_DIR) {
  const pem = (name) => readFileSync(`${process.env.TLS_DIR}/${name}`);
  const tls = createTLSServer({
    key: pem('server.key'), cert: pem('server.pem'), ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: false,
  }, serve);
  tls.listen(0, '127.0.0.1');
  await once(tls, 'listening');
  tlsURL = `https://127.0.0.1:${tls.address().port}`;
}

const commands = {
  announce: async () => {
    announced = await newKeys();
    list(...signing, ...announced);
  },
  switch: async () => {
    list(...announced, ...signing);
    [signing, announced] = [announced, signing];
  },
  drop: async () => {
    announced = [];
    list(...signing);
  },
  now: async () => {
    [signing, announced] = [await newKeys(), []];
    list(...signing);
  },
  counts: async () => counts,
};

console.log(JSON.stringify({
  issuer, tls: tlsURL, api: API, other_api: OTHER_API, algorithms: Object.keys(ALGORITHMS),
  client_id: client.client_id, client_secret: client.client_secret,
}));
for await (const line of createInterface({ input: process.stdin })) {
  const result = await commands[line]?.() ?? {};
  console.log(JSON.stringify(line in commands ? result : { error: 'unknown command' }));
}
process.exit(0);
