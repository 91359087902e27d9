/* The writing half of aci.json: one value on top of the Lua stack at a time, into a buffer that a
 * guard owns. Names are sorted, so that equal values give equal text. */
#include "glue.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>

#include "core/emit.h"
#include "core/members.h"
#include "core/scan.h"

/* So many members of one object are kept on the Lua stack while it is written; more go through
 * a table, since the stack has an end. */
#define ON_STACK 256

/* An error's path is cut after so many steps. */
#define SHOWN_LEVELS 16

/* Everything one call of json.encode owns. */
typedef struct encoder {
    aci_emit out;
    aci_members members;        /* of all objects that are open, the innermost last */
    const void *array, *object; /* the marks, to compare with */
    bool pretty, reveal;
    lua_State *L;
} encoder;

/* Where in the value we are, for errors: a chain of C frames. */
typedef struct place {
    const struct place *up;
    const char *name; /* NULL: an array's element */
    size_t length;
    lua_Integer index;
    unsigned level;
} place;

static void encode_value(encoder *self, const place *here);

static void encoder_free(void *thing) {
    encoder *self = thing;
    aci_emit_free(&self->out);
    aci_members_free(&self->members);
    free(self);
}

static void add_place(lua_State *L, luaL_Buffer *text, const place *here) {
    if (!here->up) {
        luaL_addstring(text, "the value");
        return;
    }
    add_place(L, text, here->up);
    if (here->level > SHOWN_LEVELS) {
        luaL_addstring(text, here->level == SHOWN_LEVELS + 1 ? "..." : "");
        return;
    }
    if (here->name) {
        luaL_addchar(text, '.');
        luaL_addlstring(text, here->name, here->length);
        return;
    }
    lua_pushfstring(L, "[%I]", (LUAI_UACINT)here->index);
    luaL_addvalue(text);
}

/* Raise "what (at the value.properties[3].name)". */
static int refuse(encoder *self, const place *here, const char *what) {
    lua_State *L = self->L;
    luaL_Buffer text;
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    luaL_buffinit(L, &text);
    add_place(L, &text, here);
    luaL_pushresult(&text);
    return luaL_error(L, "cannot encode %s: %s", lua_tostring(L, -1), what);
}

/* --- objects ------------------------------------------------------------------------------ */

/* key value -> [name] key value: the key as a name. A string is its own, held by the table that is
 * written; a whole number, which is a name only where the table is marked, gets one that lies
 * below. */
static const char *take_name(encoder *self, const place *here, bool marked, size_t *length) {
    lua_State *L = self->L;
    if (lua_type(L, -2) == LUA_TSTRING) {
        return lua_tolstring(L, -2, length);
    }
    if (!marked || !lua_isinteger(L, -2)) {
        refuse(self, here, "its keys are neither 1, 2, ... n nor all strings");
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -3);
    return lua_tolstring(L, -3, length);
}

/* [name] value key -> key, with the others in the table of the rest: values are its elements, names
 * its keys; returns the value's place. */
static int move_to_rest(lua_State *L, int rest, size_t number, bool has_name) {
    int at = (int)(number - ON_STACK) + 1;
    if (at == 1) {
        lua_newtable(L);
        lua_replace(L, rest);
    }
    lua_insert(L, -2); /* [name] key value */
    lua_rawseti(L, rest, at);
    if (has_name) {
        lua_insert(L, -2); /* key name */
        lua_pushboolean(L, 1);
        lua_rawset(L, rest);
    }
    return -at;
}

/* Collect the members of the table at `table`; the slot above it is for the table of the rest. */
static void collect_members(encoder *self, const place *here, int table, bool marked) {
    lua_State *L = self->L;
    lua_pushnil(L);
    for (size_t number = 0; lua_next(L, table); number++) {
        luaL_checkstack(L, 8, "the value is nested too deeply");
        size_t length;
        int top = lua_gettop(L);
        const char *name = take_name(self, here, marked, &length);
        bool has_name = lua_gettop(L) > top;
        aci_member *added = aci_members_add(&self->members, name, length);
        if (!added) {
            luaL_error(L, "not enough memory");
        }
        lua_insert(L, -2); /* [name] value key */
        added->slot = lua_gettop(L) - 1;
        if (number >= ON_STACK) {
            added->slot = move_to_rest(L, table + 1, number, has_name);
        }
    }
}

static void emit_break(encoder *self, unsigned level) {
    if (self->pretty) {
        aci_emit_line(&self->out, level);
    }
}

/* The member before it, to find two of one name: 1 and "1" in a marked table. */
static void encode_member(encoder *self, const place *here, int table, const aci_member *now,
                          const aci_member *before) {
    lua_State *L = self->L;
    place inside = {here, now->name, now->length, 0, here->level + 1};
    if (before && aci_members_compare(before, now) == 0) {
        refuse(self, &inside, "two members have this name");
    }
    emit_break(self, inside.level);
    aci_emit_string(&self->out, now->name, now->length);
    aci_emit_bytes(&self->out, ": ", self->pretty ? 2 : 1);
    if (now->slot > 0) {
        lua_pushvalue(L, now->slot);
    } else {
        lua_rawgeti(L, table + 1, -now->slot);
    }
    encode_value(self, &inside);
    lua_pop(L, 1);
}

/* The table on top of the stack. */
static void encode_object(encoder *self, const place *here, bool marked) {
    lua_State *L = self->L;
    int table = lua_gettop(L);
    size_t first = self->members.count;
    lua_pushnil(L);
    collect_members(self, here, table, marked);
    size_t count = self->members.count - first;
    aci_members_sort(&self->members, first);
    aci_emit_byte(&self->out, '{');
    for (size_t i = 0; i < count; i++) {
        aci_member now =
            self->members.list[first + i]; /* the array may move while its value is written */
        aci_member before = i ? self->members.list[first + i - 1] : now;
        if (i) {
            aci_emit_byte(&self->out, ',');
        }
        encode_member(self, here, table, &now, i ? &before : NULL);
    }
    if (count) {
        emit_break(self, here->level);
    }
    aci_emit_byte(&self->out, '}');
    self->members.count = first;
    lua_settop(L, table);
}

/* --- arrays ------------------------------------------------------------------------------- */

/* How many keys the table on top has. */
static lua_Unsigned count_keys(lua_State *L) {
    lua_Unsigned count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        count++;
    }
    return count;
}

static void encode_element(encoder *self, const place *here, lua_Integer index) {
    place inside = {here, NULL, 0, index, here->level + 1};
    if (lua_rawgeti(self->L, -1, index) == LUA_TNIL) {
        refuse(self, &inside, "the array has a hole");
    }
    emit_break(self, inside.level);
    encode_value(self, &inside);
    lua_pop(self->L, 1);
}

/* The table on top of the stack. */
static void encode_array(encoder *self, const place *here) {
    lua_Unsigned length = lua_rawlen(self->L, -1);
    if (count_keys(self->L) != length) {
        refuse(self, here, "its keys are neither 1, 2, ... n nor all strings");
    }
    aci_emit_byte(&self->out, '[');
    for (lua_Unsigned i = 1; i <= length; i++) {
        if (i > 1) {
            aci_emit_byte(&self->out, ',');
        }
        encode_element(self, here, (lua_Integer)i);
    }
    if (length) {
        emit_break(self, here->level);
    }
    aci_emit_byte(&self->out, ']');
}

static void encode_table(encoder *self, const place *here) {
    lua_State *L = self->L;
    const void *mark = NULL;
    luaL_checkstack(L, 8, "the value is nested too deeply");
    if (here->level >= ACI_SCAN_DEPTH) {
        refuse(self, here, "nested more than 512 levels deep (does it contain itself?)");
    }
    if (lua_getmetatable(L, -1)) {
        mark = lua_topointer(L, -1);
        lua_pop(L, 1);
    }
    if (mark == self->array || (mark != self->object && lua_rawlen(L, -1) > 0)) {
        encode_array(self, here);
    } else {
        encode_object(self, here, mark == self->object);
    }
}

/* --- values ------------------------------------------------------------------------------- */

static void encode_number(encoder *self, const place *here) {
    if (lua_isinteger(self->L, -1)) {
        aci_emit_integer(&self->out, lua_tointeger(self->L, -1));
        return;
    }
    double value = lua_tonumber(self->L, -1);
    if (!isfinite(value)) {
        refuse(self, here, "JSON has no infinity and no nan");
    }
    aci_emit_float(&self->out, value);
}

static void encode_secret(encoder *self, const place *here) {
    size_t length;
    const char *bytes = aci_secret_test(self->L, -1, &length);
    if (!bytes) {
        refuse(self, here, "JSON has no userdata");
    }
    if (self->reveal) {
        aci_emit_string(&self->out, bytes, length);
    } else {
        aci_emit_bytes(&self->out, "\"<secret>\"", 10);
    }
}

static void encode_string(encoder *self) {
    size_t length;
    const char *bytes = lua_tolstring(self->L, -1, &length);
    aci_emit_string(&self->out, bytes, length);
}

static void encode_other(encoder *self, const place *here) {
    if (lua_type(self->L, -1) == LUA_TLIGHTUSERDATA && !lua_touserdata(self->L, -1)) {
        aci_emit_bytes(&self->out, "null", 4);
        return;
    }
    lua_pushfstring(self->L, "JSON has no %s", luaL_typename(self->L, -1));
    refuse(self, here, lua_tostring(self->L, -1));
}

/* The value on top of the stack, which stays there. */
static void encode_value(encoder *self, const place *here) {
    switch (lua_type(self->L, -1)) {
    case LUA_TSTRING:
        encode_string(self);
        break;
    case LUA_TNUMBER:
        encode_number(self, here);
        break;
    case LUA_TBOOLEAN:
        aci_emit_bytes(&self->out, lua_toboolean(self->L, -1) ? "true" : "false",
                       lua_toboolean(self->L, -1) ? 4 : 5);
        break;
    case LUA_TTABLE:
        encode_table(self, here);
        break;
    case LUA_TUSERDATA:
        encode_secret(self, here);
        break;
    default:
        encode_other(self, here);
    }
    if (self->out.fault) {
        refuse(self, here, self->out.fault);
    }
}

static encoder *encoder_new(lua_State *L, bool pretty, bool reveal) {
    encoder *self = calloc(1, sizeof *self);
    if (self) {
        *self = (encoder){.L = L, .pretty = pretty, .reveal = reveal};
        self->out.wipe = reveal;
    }
    return self;
}

static const void *mark_of(lua_State *L, const char *name) {
    luaL_getmetatable(L, name);
    const void *mark = lua_topointer(L, -1); /* anchored by the registry */
    lua_pop(L, 1);
    return mark;
}

/* json.encode(value [, options]) -> string or, with secrets = true, secret */
int aci_json_encode(lua_State *L) {
    static const char *const names[] = {"pretty", "secrets", NULL};
    bool pretty = false, reveal = false;
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) {
        aci_options_check(L, 2, names);
        pretty = aci_opt_boolean(L, 2, "pretty", false);
        reveal = aci_opt_boolean(L, 2, "secrets", false);
    }

    void **slot = aci_guard(L, encoder_free);
    encoder *self = *slot = encoder_new(L, pretty, reveal);
    if (!self) {
        return luaL_error(L, "not enough memory");
    }

    self->array = mark_of(L, ACI_JSON_ARRAY);
    self->object = mark_of(L, ACI_JSON_OBJECT);
    place root = {0};
    lua_pushvalue(L, 1);
    encode_value(self, &root);

    if (reveal) {
        aci_secret_push(L, self->out.text, self->out.length);
    } else {
        lua_pushlstring(L, self->out.text, self->out.length);
    }
    return 1;
}
