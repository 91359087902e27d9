/* The parts of aci._http: http.c has the transfers. */
#ifndef ACI_HTTP_H
#define ACI_HTTP_H

#include "core/transfer.h"

#include <lua.h>

/* check(options): raises what is wrong with them. The Lua half calls it by pcall and raises the
 * message again where its own caller is. */
int http_check(lua_State *L);

/* take(options, plan) -> more: checks them likewise, and copies those that go to start as they were
 * given into the plan; whether others are left. */
int http_take(lua_State *L);

/* What transfers are made of. The strings are those of the table. */
typedef struct http_plan {
    aci_transfer_options sent;
    bool headers; /* it has some */
    bool secret_url, secret_body;
} http_plan;

/* Reads the plan at index 1. What it does not say is as the options of http.request have it. */
void http_plan_read(lua_State *L, http_plan *plan);

/* Adds the functions for URLs and retries to the module at the top of the stack. */
void http_text_register(lua_State *L);

#endif
