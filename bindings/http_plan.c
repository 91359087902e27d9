/* What of a plan C is told. One pass over the few fields that it has: to look for each that it
 * could have would cost more than the rest of the beginning. */
#include "glue.h"
#include "http.h"

#include <string.h>

static const http_plan defaults = {.sent = {.method = "GET",
                                            .replay = true,
                                            .timeout = 300,
                                            .connect_timeout = 20,
                                            .stall_timeout = 60,
                                            .body_length = -1}};

/* Anything but false is true. */
typedef enum kind { BYTES, STRING, NUMBER, INTEGER, BOOLEAN } kind;

#define TO(member) offsetof(http_plan, member)

static const struct field {
    const char *name;
    kind kind;
    size_t to;
} fields[] = {
    {"url", BYTES, TO(sent.url)},
    {"method", STRING, TO(sent.method)},
    {"timeout", NUMBER, TO(sent.timeout)},
    {"connect_timeout", NUMBER, TO(sent.connect_timeout)},
    {"stall_timeout", NUMBER, TO(sent.stall_timeout)},
    {"replay", BOOLEAN, TO(sent.replay)},
    {"body", BYTES, TO(sent.body)},
    {"body_file", STRING, TO(sent.body_file)},
    {"body_pieces", BOOLEAN, TO(sent.body_pieces)},
    {"body_length", INTEGER, TO(sent.body_length)},
    {"sink_file", STRING, TO(sent.sink_file)},
    {"stream", BOOLEAN, TO(sent.sink_stream)},
    {"max_body", INTEGER, TO(sent.max_body)},
    {"ca_file", STRING, TO(sent.ca_file)},
    {"client_certificate", STRING, TO(sent.client_certificate)},
    {"client_key", STRING, TO(sent.client_key)},
    {"client_password", BYTES, TO(sent.client_password)},
    {"proxy", STRING, TO(sent.proxy)},
    {"connect_to", STRING, TO(sent.connect_to)},
    {"headers", BOOLEAN, TO(headers)},
    {"secret_url", BOOLEAN, TO(secret_url)},
    {"secret_body", BOOLEAN, TO(secret_body)},
};

static const struct field *find_field(const char *name) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (*fields[i].name == *name && strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

/* The value on top. Strings stay the plan's. */
static void read_field(lua_State *L, const struct field *field, http_plan *plan) {
    char *to = (char *)plan + field->to;
    switch (field->kind) {
    case BYTES:
        *(const char **)to =
            aci_bytes(L, -1, to == (char *)&plan->sent.body ? &plan->sent.body_size : NULL);
        break;
    case STRING:
        *(const char **)to = lua_tostring(L, -1);
        break;
    case NUMBER:
        *(double *)to = lua_tonumber(L, -1);
        break;
    case INTEGER:
        *(int64_t *)to = lua_tointeger(L, -1);
        break;
    case BOOLEAN:
        *(bool *)to = lua_toboolean(L, -1);
    }
}

void http_plan_read(lua_State *L, http_plan *plan) {
    luaL_checktype(L, 1, LUA_TTABLE);
    *plan = defaults;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        const struct field *field = find_field(lua_tostring(L, -2));
        if (field)
            read_field(L, field, plan);
    }
}
