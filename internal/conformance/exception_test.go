package conformance_test

type exception struct {
	verdict bool // what happens instead of what the vector's result says
	reason  string
}

const (
	labelled      = "defective: the key's own alg is PS256, the token of RFC 7520 section 4.2 is PS384; see TestRFC7520 for the same with the label right"
	es521         = "defective: the key's own alg is ES521, which does not exist; see TestRFC7520 for the same with ES512"
	roca          = "deliberate: a key that a broken generator (ROCA) made has a good size and form; who trusts the issuer trusts its generator"
	saltOfAnother = "the group wants a salt of 0 bytes, and this signature has one of 32, which is what PS256 wants"
)

// signatureExceptions are the vectors that are not judged as their result says, by file and tcId.
var signatureExceptions = map[string]map[int]exception{
	"rsa_pss_2048_sha256_mgf1_0_test.json":        {69: {true, saltOfAnother}},
	"rsa_pss_2048_sha256_mgf1_0_params_test.json": {69: {true, saltOfAnother}},
}

// joseExceptions are the same for the vectors about tokens.
var joseExceptions = map[string]map[int]exception{
	"json_web_signature_test.json": {346: {false, labelled}, 350: {false, labelled}, 347: {false, es521}, 351: {false, es521}},
	"json_web_key_test.json":       {7: {true, roca}},
	"json_web_crypto_test.json":    {46: {true, roca}},
}
