/* What the two halves of aci.json share: the marks of arrays and objects, and the encoder. */
#ifndef ACI_JSON_H
#define ACI_JSON_H

#include <lua.h>

/* Metatables in the registry: a table that has one is written as that, whatever its keys. */
#define ACI_JSON_ARRAY "aci.json.array"
#define ACI_JSON_OBJECT "aci.json.object"

/* json.encode(value [, options]) -> string or secret */
int aci_json_encode(lua_State *L);

#endif
