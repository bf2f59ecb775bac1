// An authorization server on loopback made of npm `oidc-provider`: RFC 9068 access tokens by client_credentials, one resource
// (RFC 8707) for each signature algorithm, and signing keys that rotate on command.
//
// PORT picks the port, 0 or nothing a free one. One line of JSON on stdout says that it listens and how to ask for tokens; keys
// and the client's secret are made at every start. Then each line on stdin is a command, answered by one line of JSON:
//
//   announce   list new keys after those that sign
//   switch     sign with the announced keys, those before stay listed
//   drop       list the signing keys only
//   now        replace every key at once
//   counts     requests answered so far, by path
//
// It ends when stdin closes, so that a test that dies leaves nothing behind.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { generateKeyPair, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import Provider, { errors } from 'oidc-provider';

const API = 'https://api.example.com/'; // audiences of the gateway under test: API + name of the algorithm
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
  const alg = name === 'brief' ? 'ES256' : name;
  if (![API, OTHER_API].includes(indicator.slice(0, -name.length)) || !(alg in ALGORITHMS)) throw new errors.InvalidTarget();
  return {
    scope: SCOPE,
    audience: indicator,
    accessTokenTTL: name === 'brief' ? BRIEF : LIFETIME,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg } },
  };
}

const client = {
  client_id: 'orders-client',
  client_secret: randomBytes(32).toString('base64url'),
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  scope: SCOPE,
  token_endpoint_auth_method: 'client_secret_basic',
};
const cookieKeys = [randomBytes(32).toString('base64url')];

function newProvider(issuer, keys) {
  const provider = new Provider(issuer, {
    clients: [client],
    jwks: { keys },
    cookies: { keys: cookieKeys },
    scopes: SCOPE.split(' '),
    enabledJWA: { idTokenSigningAlgValues: Object.keys(ALGORITHMS) },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: (ctx, indicator) => resource(indicator) },
    },
    ttl: { ClientCredentials: (ctx, token) => token.resourceServer.accessTokenTTL },
    extraTokenClaims: () => ({ tenant: 'acme' }),
    routes: { jwks: '/jwks', token: '/token' },
  });
  provider.on('server_error', (ctx, err) => console.error(err));
  return provider.callback();
}

const counts = {};
let answer; // the handler of the current provider: a Provider's keys are fixed, so each rotation makes a new one
const server = createServer((req, res) => {
  const path = req.url.split('?')[0];
  counts[path] = (counts[path] ?? 0) + 1;
  answer(req, res);
});
let signing = await newKeys();
let announced = [];
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
await once(server, 'listening'); // the issuer's name holds the port; nobody is answered before the next line has run
const issuer = `http://127.0.0.1:${server.address().port}`;
const list = (...keys) => { answer = newProvider(issuer, keys); };
list(...signing);

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
  issuer, api: API, other_api: OTHER_API, algorithms: Object.keys(ALGORITHMS),
  client_id: client.client_id, client_secret: client.client_secret,
}));
for await (const line of createInterface({ input: process.stdin })) {
  const result = await commands[line]?.() ?? {};
  console.log(JSON.stringify(line in commands ? result : { error: 'unknown command' }));
}
process.exit(0);
