package strictjson

var ValidUTF8 = validUTF8
