/* The words before the script: lua's own options, and where the script stands among them. */
#ifndef ACI_OPTIONS_H
#define ACI_OPTIONS_H

#include <stdbool.h>

#include <lua.h>

typedef struct aci_options {
    int count;
    char **words;
    int script;      /* index of the script in words; `count` when there is none */
    const char *bad; /* the word that is no option, or lacks its argument */
    bool interactive, version, execute, no_environment;
} aci_options;

/* Reads options->words up to the script. */
void aci_options_read(aci_options *options);

/* Prints what is wrong with options->bad and lua's usage text. */
void aci_options_usage(const char *program, const char *bad);

/* Prints the usage text and the scripts to standard output. */
void aci_options_help(const char *program);

/* Sets the global `arg`: the script at 0, its arguments above, the options below. */
void aci_options_arg(lua_State *L, const aci_options *options);

#endif
