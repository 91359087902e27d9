/* aci.archive: tape archives and gzip, in memory.
 *
 *     local layer = archive.tar { { name = "etc/" }, { name = "etc/hosts", data = "127.0.0.1 me\n"
 * } } fs.write("layer.tar.gz", archive.gzip(layer))
 *
 * Equal entries give equal bytes: nothing of the machine or the hour comes in. */
#include "bindings.h"
#include "glue.h"

#include "core/gzip.h"
#include "core/tar.h"

#include <stdlib.h>
#include <string.h>

/* -- tar --------------------------------------------------------------------------------------- */

static char type_of(lua_State *L, int index, const char *name) {
    static const char *const types[] = {"file", "directory", "link", NULL};
    static const char letters[] = "052";
    const char *type = aci_opt_string(L, index, "type", NULL);
    if (!type)
        return name[0] && name[strlen(name) - 1] == '/' ? '5' : '0';
    for (int i = 0; types[i]; i++)
        if (strcmp(type, types[i]) == 0)
            return letters[i];
    return (char)luaL_error(L, "option 'type' must be file, directory or link");
}

static void copy_text(lua_State *L, const char *key, const char *from, char *to, size_t size) {
    if (strlen(from) >= size)
        luaL_error(L, "option '%s' is too long for a tape archive: %s", key, from);
    memcpy(to, from, strlen(from) + 1);
}

static uint64_t number(lua_State *L, int index, const char *key, lua_Integer otherwise) {
    lua_Integer value = aci_opt_integer(L, index, key, otherwise);
    if (value < 0)
        luaL_error(L, "option '%s' cannot be negative", key);
    return (uint64_t)value;
}

/* The entry of the table at `index`; its data is pushed. */
static void read_entry(lua_State *L, int index, aci_tar_entry *entry) {
    static const char *const names[] = {"name", "type", "data", "mode", "mtime", "target", NULL};
    aci_options_check(L, index, names);
    const char *name = aci_opt_string(L, index, "name", "");
    memset(entry, 0, sizeof *entry);
    copy_text(L, "name", name, entry->name, sizeof entry->name);
    copy_text(L, "target", aci_opt_string(L, index, "target", ""), entry->target,
              sizeof entry->target);
    entry->type = type_of(L, index, name);
    entry->mode = (unsigned)number(L, index, "mode",
                                   entry->type == '0'   ? 0644
                                   : entry->type == '5' ? 0755
                                                        : 0777);
    entry->mtime = number(L, index, "mtime", 0);
    aci_opt_string(L, index, "data", ""); /* raises where it is none */
    if (entry->type != '0' || lua_getfield(L, index, "data") != LUA_TSTRING)
        lua_pushliteral(L, "");
    entry->size = lua_rawlen(L, -1);
}

/* Header and content of every entry, in order, in the table at 2; the archive's length. */
static size_t collect(lua_State *L, lua_Integer count) {
    aci_tar_entry entry;
    char block[ACI_TAR_BLOCK];
    size_t total = 2 * ACI_TAR_BLOCK; /* the end */
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        luaL_argcheck(L, lua_istable(L, 3), 1, "every entry must be a table");
        read_entry(L, 3, &entry);
        if (!aci_tar_write(&entry, block))
            return (size_t)luaL_error(L, "a tape archive cannot hold the entry '%s'", entry.name);
        lua_rawseti(L, 2, i * 2);
        lua_pushlstring(L, block, sizeof block);
        lua_rawseti(L, 2, i * 2 - 1);
        total += ACI_TAR_BLOCK + aci_tar_padded(entry.size);
        lua_settop(L, 2);
    }
    return (total + ACI_TAR_RECORD - 1) / ACI_TAR_RECORD * ACI_TAR_RECORD;
}

/* archive.tar(entries) -> string */
static int archive_tar(lua_State *L) {
    luaL_Buffer out;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_Integer count = luaL_len(L, 1);
    lua_newtable(L);
    size_t total = collect(L, count), at = 0;
    char *bytes = luaL_buffinitsize(L, &out, total);
    memset(bytes, 0, total);
    for (lua_Integer i = 1; i <= count * 2; i++) {
        size_t length;
        lua_rawgeti(L, 2, i);
        const char *part = lua_tolstring(L, -1, &length);
        memcpy(bytes + at, part, length);
        at += aci_tar_padded(length);
        lua_pop(L, 1);
    }
    luaL_pushresultsize(&out, total);
    return 1;
}

static const char *type_name(char type) {
    return type == '5' ? "directory" : type == '0' ? "file" : type == '1' ? "hardlink" : "link";
}

static void push_entry(lua_State *L, const aci_tar_entry *entry, const char *content) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, entry->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, type_name(entry->type));
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, (lua_Integer)entry->mode);
    lua_setfield(L, -2, "mode");
    lua_pushinteger(L, (lua_Integer)entry->mtime);
    lua_setfield(L, -2, "mtime");
    if (entry->type == '0') {
        lua_pushlstring(L, content, entry->size);
        lua_setfield(L, -2, "data");
    } else if (entry->type != '5') {
        lua_pushstring(L, entry->target);
        lua_setfield(L, -2, "target");
    }
}

static int fail_reading(lua_State *L, aci_tar_status status, const aci_tar_entry *entry,
                        size_t offset) {
    const char *message =
        status == ACI_TAR_FOREIGN
            ? lua_pushfstring(L, "the entry '%s' is of type '%c', which is not supported",
                              entry->name, entry->type)
            : lua_pushfstring(L, "no tape archive, or a damaged one, at byte %I",
                              (LUAI_UACINT)offset);
    return aci_fail(L, "invalid", status == ACI_TAR_FOREIGN ? "TarType" : "TarBroken", message);
}

/* archive.untar(bytes) -> entries | nil, err */
static int archive_untar(lua_State *L) {
    aci_tar_entry entry;
    aci_tar_status status;
    size_t length, offset = 0;
    const char *bytes = luaL_checklstring(L, 1, &length);
    lua_newtable(L);
    while ((status = aci_tar_read(bytes, length, &offset, &entry)) == ACI_TAR_ENTRY) {
        uint64_t padded = aci_tar_padded(entry.size);
        push_entry(L, &entry, bytes + offset);
        lua_rawseti(L, -2, luaL_len(L, -2) + 1);
        offset = padded > length - offset ? length : offset + (size_t)padded;
    }
    return status == ACI_TAR_END ? 1 : fail_reading(L, status, &entry, offset);
}

/* -- gzip -------------------------------------------------------------------------------------- */

static int tell(lua_State *L, aci_gzip_status status, const char *bytes, size_t length) {
    switch (status) {
    case ACI_GZIP_OK:
        lua_pushlstring(L, bytes, length);
        return 1;
    case ACI_GZIP_MEMORY:
        return luaL_error(L, "not enough memory");
    case ACI_GZIP_TOO_LARGE:
        return aci_fail(L, "invalid", "GzipTooLarge", "the content is larger than allowed");
    default:
        return aci_fail(L, "invalid", "GzipBroken", "no gzip, or a damaged one");
    }
}

/* archive.gzip(bytes [, level]) -> string */
static int archive_gzip(lua_State *L) {
    size_t length, made = 0;
    const char *bytes = luaL_checklstring(L, 1, &length);
    lua_Integer level = luaL_optinteger(L, 2, 6);
    luaL_argcheck(L, level >= 0 && level <= 9, 2, "must be between 0 and 9");

    char *out = NULL;
    void **guard = aci_guard(L, free);

    aci_gzip_status status = aci_gzip_write(bytes, length, (int)level, &out, &made);
    *guard = out;

    return tell(L, status, out, made);
}

/* archive.gunzip(bytes [, max]) -> string | nil, err */
static int archive_gunzip(lua_State *L) {
    size_t length, made = 0;
    const char *bytes = luaL_checklstring(L, 1, &length);
    lua_Integer limit = luaL_optinteger(L, 2, (lua_Integer)1 << 30);
    luaL_argcheck(L, limit >= 0, 2, "cannot be negative");

    char *out = NULL;
    void **guard = aci_guard(L, free);

    aci_gzip_status status = aci_gzip_read(bytes, length, (size_t)limit, &out, &made);
    *guard = out;

    return tell(L, status, out, made);
}

int luaopen_aci_archive(lua_State *L) {
    static const luaL_Reg functions[] = {{"tar", archive_tar},
                                         {"untar", archive_untar},
                                         {"gzip", archive_gzip},
                                         {"gunzip", archive_gunzip},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
