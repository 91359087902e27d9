#include "options.h"

#include <stdio.h>
#include <string.h>

/* -e and -l take the rest of their word, or the next word unless that is an option. */
static bool take_value(aci_options *options, int *i) {
    if (options->words[*i][2])
        return true;
    ++*i;
    return options->words[*i] && options->words[*i][0] != '-';
}

/* One word that begins with '-' and goes on; false when it is no option of lua's. */
static bool read_word(aci_options *options, int *i) {
    const char *word = options->words[*i];
    switch (word[1]) {
    case 'e':
        options->execute = true;
        return take_value(options, i);
    case 'l':
        return take_value(options, i);
    case 'i':
        options->interactive = options->version = true;
        break;
    case 'v':
        options->version = true;
        break;
    case 'E':
        options->no_environment = true;
        break;
    case 'W':
        break;
    default:
        return false;
    }
    return word[2] == '\0';
}

void aci_options_read(aci_options *options) {
    int i;
    for (i = 1; i < options->count; i++) {
        const char *word = options->words[i];
        int start = i;
        if (word[0] != '-' || word[1] == '\0')
            break;
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        if (!read_word(options, &i)) {
            options->bad = options->words[start];
            break;
        }
    }
    options->script = i;
}

static void print_usage(FILE *out, const char *program) {
    fprintf(out,
            "usage: %s [options] [script [args]]\n"
            "Available options are:\n"
            "  -e stat   execute string 'stat'\n"
            "  -i        enter interactive mode after executing 'script'\n"
            "  -l mod    require library 'mod' into global 'mod'\n"
            "  -l g=mod  require library 'mod' into global 'g'\n"
            "  -v        show version information\n"
            "  -E        ignore environment variables\n"
            "  -W        turn warnings on\n"
            "  --        stop handling options\n"
            "  -         stop handling options and execute stdin\n"
            "  --eject NAME  copy out for editing: setup, steps/storage, templates/role.json\n"
            "  --help        show this and the scripts that come with the program\n",
            program);
}

void aci_options_usage(const char *program, const char *bad) {
    if (bad[1] == 'e' || bad[1] == 'l' || strcmp(bad, "--eject") == 0)
        fprintf(stderr, "%s: '%s' needs argument\n", program, bad);
    else
        fprintf(stderr, "%s: unrecognized option '%s'\n", program, bad);
    print_usage(stderr, program);
}

void aci_options_help(const char *program) {
    print_usage(stdout, program);
    printf("Scripts that come with it; each takes --help:\n"
           "  setup.lua     make everything that a deployment needs\n"
           "  status.lua    show what of it exists\n"
           "  doctor.lua    find what keeps runs from working\n"
           "  run.lua       start a flow run and follow it\n"
           "  logs.lua      show what a run or a container wrote\n"
           "  worker.lua    run what is scheduled in a work queue\n"
           "  teardown.lua  remove everything that setup made\n"
           "  image.lua     build the container image\n"
           "  push.lua      bring it to a registry\n"
           "  sim.lua       the local cloud\n");
}

void aci_options_arg(lua_State *L, const aci_options *options) {
    int zero = options->script < options->count ? options->script : 0;
    lua_createtable(L, options->count, zero + 1);
    for (int i = 0; i < options->count; i++) {
        lua_pushstring(L, options->words[i]);
        lua_rawseti(L, -2, i - zero);
    }
    lua_setglobal(L, "arg");
}
