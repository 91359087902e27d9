/* Runs short scripts with every allocation of Lua failing in turn: each run must end in "not enough
 * memory" or well, nothing else; the sanitizer build sees what leaks or is used after its end. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings.h"

/* Give up on a script that needs more allocations than this. */
#define MOST_POINTS 20000

static const char *const scripts[] = {
    "local json = require 'aci.json'\n"
    "return json.decode('{\"a\":[1,2.5,\"x\\\\n\",{\"b\":null}],\"c\":{\"d\":[[]]}}')",

    "local json = require 'aci.json'\n"
    "local v, err = json.decode('[1,2,{\"a\":1,\"a\":2}]') assert(v == nil and err.column == 13)",

    "local json, secret = require 'aci.json', require 'aci.secret'\n"
    "local v = json.decode(secret.new '{\"t\":\"a\\\\tb\"}', {secrets = {'t'}})\n"
    "assert(#v.t == 3)\n"
    "return json.encode {v, {b = 1, c = {1, 2}}}, json.encode({v.t}, {secrets = true})",

    "local json, t = require 'aci.json', {}\n"
    "for i = 1, 300 do t['k' .. i] = {i} end\n"
    "return json.encode(t, {pretty = true}), pcall(json.encode, {t, {print}})",

    "local xml = require 'aci.xml'\n"
    "local r = xml.parse('<a x=\"1\"><b>t&amp;u</b> <c><d/></c></a>')\n"
    "assert(r.children[1].text == 't&u')\n"
    "return xml.parse('<a'), xml.parse('<!DOCTYPE a><a/>'), xml.escape('<&>')",

    "local secret = require 'aci.secret'\n"
    "local s = secret.new('abc') .. 'def'\n"
    "assert(secret.equal(s, 'abcdef'))\n"
    "return secret.reveal(s), tostring(s)",

    "local crypto = require 'aci.crypto'\n"
    "assert(#crypto.shared_key_string {method = 'GET', account = 'a', target = '/c?b=1&a=%20', "
    "headers = {['x-ms-a'] = 'b'}} > 20)\n"
    "return crypto.service_sas_string {account = 'a', container = 'c', blob = 'b', sp = 'r'},\n"
    "   pcall(crypto.service_sas_string, {account = 'a', container = 'c\\n'})",

    "local c, secret = require 'aci._http', require 'aci.secret'\n"
    "local o = {url = 'http://127.0.0.1:1/', body = secret.new 'b', headers = {a = secret.new 'v', "
    "b = 2}}\n"
    "c.check(o)\n"
    "local t = c.start(o)\n"
    "t:close() t:close()\n"
    "t = c.start {url = 'http://127.0.0.1:1/', body_file = '/dev/null/none'}\n"
    "return c.escape(secret.new 'a b'), c.escape('a b'), c.unescape '%41', c.url 'http://h/p?q', "
    "c.url 'x',\n"
    "   c.resolve('http://h/a/b', '../c'), c.retry_after {['retry-after'] = '3'}, pcall(c.check, "
    "{uri = 1})",

    "local c, h, t = require 'aci._server', require 'aci._http', require 'aci._task'\n"
    "local s = c.listen {}\n"
    "local x = h.start {url = 'http://127.0.0.1:' .. s:port() .. '/a?b=c', method = 'POST', "
    "body = 'd', headers = {cookie = 'e=f'}}\n"
    "local r = c.take(s)\n"
    "while r == false do t.wait(s, 5) r = c.take(s) end\n"
    "local piece = c.read(r)\n"
    "while piece == false do t.wait(r, 5) piece = c.read(r) end\n"
    "assert(piece == 'd' and r.query == 'b=c' and r.headers.cookie == 'e=f')\n"
    "r.own = tostring(r) .. tostring(s)\n"
    "r:start(200, {a = {'b', 'c'}, d = 1})\n"
    "assert(c.write(r, 'x') and r:finish() and t.wait(x, 5))\n"
    "c.stop(s) c.stop_now(s)\n"
    "return c.listen {host = 'x'}, c.listen {tls = {ca = {certificate = 'a', key = 'b'}}}, "
    "pcall(c.listen, {prt = 1})",

    "local a = require 'aci.archive'\n"
    "local t = a.tar {{name = 'd/'}, {name = 'd/f', data = 'x', mode = 1}, "
    "{name = 'l', type = 'link', target = 'd/f'}}\n"
    "assert(a.gunzip(a.gzip(t)) == t and #a.untar(t) == 3)\n"
    "return a.gunzip 'x', a.untar 'x', a.gunzip(a.gzip(t), 9), pcall(a.tar, {{nme = 'd'}})",

    "local c = require 'aci._template'\n"
    "assert(c.parse(\"concat('it''s', n.f(1)[0].x, 'b')\"))\n"
    "return select('#', c.parse('a({)')), c.parse('')",

    "require 'aci.json'\n"
    "local c, layouts = require 'aci._template', {}\n"
    "local v = c.read('{a: [1, {}, \"\\\\n\"], /* c */ \"b\": null}', true, layouts)\n"
    "assert(layouts[v].names[2] == 'b')\n"
    "return c.read('{\"a\": 1, \"a\": 2}', false, {})",
};

typedef struct budget {
    long left; /* allocations that still succeed; negative: all do */
    bool spent;
} budget;

static void *allocate(void *data, void *block, size_t old, size_t size) {
    budget *own = data;
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (block == NULL || size > old) {
        if (own->left == 0) {
            own->spent = true;
            return NULL;
        }
        own->left -= own->left > 0;
    }
    return realloc(block, size);
}

static lua_State *new_state(budget *own) {
    lua_State *L = lua_newstate(allocate, own);
    luaL_openlibs(L);
    aci_preload(L);
    if (luaL_dostring(L, "require 'aci._error'")) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    return L;
}

/* One run with so many allocations; 1: it came to its end, 0: it ran out, -1: something else. */
static int run(const char *script, long allocations) {
    budget own = {-1, false};
    lua_State *L = new_state(&own);
    int status = luaL_loadstring(L, script);
    own.left = allocations;
    status = status ? status : lua_pcall(L, 0, 0, 0);
    own.left = -1;
    int result = status == LUA_OK && !own.spent ? 1 : 0;
    if (status != LUA_OK && status != LUA_ERRMEM) {
        const char *message = lua_tostring(L, -1);
        bool memory = message && strstr(message, "not enough memory");
        if (!memory) {
            fprintf(stderr, "%s\n", message ? message : "an error that is no text");
        }
        result = memory ? 0 : -1;
    }
    lua_close(L);
    return result;
}

static bool sweep(size_t number) {
    for (long point = 0; point < MOST_POINTS; point++) {
        int result = run(scripts[number], point);
        if (result) {
            printf("script %zu: %ld points\n", number + 1, point);
            return result > 0 && point > 0;
        }
    }
    return false;
}

int main(void) {
    int failed = 0;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        failed += !sweep(i);
    }
    return failed != 0;
}
