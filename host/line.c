#include "line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <wchar.h>

#include <lauxlib.h>

#include "bindings.h"
#include "core/loop.h"
#include "core/terminal.h"

enum { REMEMBERED = 1000 };

static struct {
    lua_State *L;
    aci_line_complete *complete;
    EditLine *editor; /* NULL: the terminal is dumb, or there is none */
    History *history;
    const char *prompt;
    struct termios keys; /* how the terminal is while a line is edited */
    bool terminal, interrupted, begins;
} line;

static int continued = -1; /* an eventfd: the program was stopped (Ctrl-Z) and goes on */

/* ---- waiting for input, with the loop turning ---- */

struct readable {
    aci_wait wait;
    aci_source source, again;
};

static void on_readable(aci_source *source, unsigned events) {
    struct readable *input = (void *)((char *)source - offsetof(struct readable, source));
    (void)events;
    aci_source_remove(source);
    aci_wait_done(&input->wait);
}

static void on_again(aci_source *source, unsigned events) {
    struct readable *input = (void *)((char *)source - offsetof(struct readable, again));
    (void)events;
    aci_source_remove(source);
    aci_wait_done(&input->wait);
}

static void on_continue(int number) {
    int saved = errno;
    uint64_t one = 1;
    (void)number;
    if (write(continued, &one, sizeof one) < 0) {
        /* it is readable already */
    }
    errno = saved;
}

/* The shell has given the terminal back as it likes it, and the line is not on the screen. */
static void edit_again(void) {
    uint64_t count;
    if (!line.editor || read(continued, &count, sizeof count) < 0)
        return;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &line.keys);
    line.begins = true;
    el_set(line.editor, EL_REFRESH);
}

static int wait_readable(lua_State *L) {
    struct readable *input = lua_touserdata(L, 1);
    aci_wait_here(L, &input->wait);
    return 0;
}

/* False at Ctrl-C. What a task of the user's does meanwhile may print, but not raise here. */
static bool wait_input(void) {
    struct readable input = {.source.on_ready = on_readable, .again.on_ready = on_again};
    lua_State *L = line.L;
    bool ok;
    if (aci_source_add(&input.source, STDIN_FILENO, EPOLLIN) < 0)
        return true; /* reading itself will wait */
    if (continued >= 0)
        aci_source_add(&input.again, continued, EPOLLIN);
    lua_pushcfunction(L, wait_readable);
    lua_pushlightuserdata(L, &input);
    ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
    aci_source_remove(&input.source);
    aci_source_remove(&input.again);
    aci_wait_forget(&input.wait);
    if (!ok) {
        line.interrupted = true;
        lua_pop(L, 1);
    }
    return ok;
}

static bool has_input(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

/* ---- libedit ---- */

/* What was printed without a line break, or typed before the prompt came, would confuse the editor,
 * which takes it that its prompt begins a line. As many spaces as a line has end such a line, and
 * leave the cursor in its line where it begins one. */
static void begin_line(void) {
    int width = aci_terminal_width(STDOUT_FILENO);
    if (width > 1)
        printf("%*s\r", width, "");
}

/* Asked for when keys are no longer echoed. */
static char *prompt_text(EditLine *editor) {
    (void)editor;
    if (line.begins)
        begin_line();
    line.begins = false;
    return (char *)line.prompt;
}

/* One character of the terminal, which may be several bytes. */
static int read_key(EditLine *editor, wchar_t *key) {
    mbstate_t state = {0};
    (void)editor;
    tcgetattr(STDIN_FILENO, &line.keys);
    for (;;) {
        char byte;
        ssize_t got;
        if (!wait_input())
            return -1;
        edit_again();
        if (!has_input())
            continue;
        got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        size_t length = mbrtowc(key, &byte, 1, &state);
        if (length == (size_t)-2)
            continue;
        if (length == (size_t)-1)
            *key = L'?';
        return 1;
    }
}

static unsigned char complete_key(EditLine *editor, wint_t key) {
    const LineInfo *info = el_line(editor);
    lua_State *L = line.L;
    unsigned char then = CC_ERROR;
    (void)key;
    lua_pushlstring(L, info->buffer, (size_t)(info->cursor - info->buffer));
    line.complete(L);
    if (lua_isstring(L, -2) && lua_rawlen(L, -2) > 0) {
        el_insertstr(editor, lua_tostring(L, -2));
        then = CC_REFRESH;
    }
    if (lua_isstring(L, -1)) {
        printf("\n%s\n", lua_tostring(L, -1));
        fflush(stdout);
        then = CC_REDISPLAY;
    }
    lua_pop(L, 2);
    return then;
}

static void bind_keys(EditLine *editor) {
    static const char *const keys[][2] = {
        {"\\t", "aci-complete"},           {"^R", "em-inc-search-prev"},
        {"\\e[3~", "ed-delete-next-char"}, {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},      {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},
    };
    for (size_t i = line.complete ? 0 : 1; i < sizeof keys / sizeof *keys; i++)
        el_set(editor, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static void watch_continue(void) {
    struct sigaction action = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    continued = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (continued >= 0)
        sigaction(SIGCONT, &action, NULL);
}

static void open_editor(void) {
    HistEvent event;
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
    line.editor = el_init("acihost", stdin, stdout, stderr);
    line.history = history_init();
    if (!line.editor || !line.history)
        return;
    history(line.history, &event, H_SETSIZE, REMEMBERED);
    history(line.history, &event, H_SETUNIQUE, 1);
    el_set(line.editor, EL_EDITOR, "emacs");
    el_set(line.editor, EL_SIGNAL, 0);
    el_set(line.editor, EL_PROMPT, prompt_text);
    el_set(line.editor, EL_GETCFN, read_key);
    el_set(line.editor, EL_HIST, history, line.history);
    el_wset(line.editor, EL_ADDFN, L"aci-complete", L"Complete a name", complete_key);
    bind_keys(line.editor);
    watch_continue();
    el_source(line.editor, NULL);
}

static bool dumb(void) {
    const char *term = getenv("TERM");
    return !term || !*term || strcmp(term, "dumb") == 0;
}

bool aci_line_open(lua_State *L, aci_line_complete *complete) {
    line.L = L;
    line.complete = complete;
    line.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (line.terminal && !dumb())
        open_editor();
    return line.terminal;
}

void aci_line_close(void) {
    if (line.editor)
        el_end(line.editor);
    if (line.history)
        history_end(line.history);
    line.editor = NULL;
    line.history = NULL;
}

void aci_line_remember(const char *text) {
    HistEvent event;
    if (line.history)
        history(line.history, &event, H_ENTER, text);
}

/* ---- reading ---- */

static aci_line_result read_edited(lua_State *L) {
    int length = 0;
    const char *text;
    el_resize(line.editor);
    line.begins = true;
    text = el_gets(line.editor, &length);
    if (line.interrupted) {
        fputs("^C", stdout); /* a terminal that edits by itself has shown it */
        return ACI_LINE_INTERRUPTED;
    }
    if (!text || length <= 0)
        return ACI_LINE_END;
    lua_pushlstring(L, text, (size_t)length - (text[length - 1] == '\n'));
    return ACI_LINE_TEXT;
}

static aci_line_result read_plain(lua_State *L) {
    char *text = NULL;
    size_t room = 0;
    ssize_t length = -1;
    fputs(line.prompt, stdout);
    fflush(stdout);
    if (!line.terminal || wait_input())
        length = getline(&text, &room, stdin);
    if (length < 0) {
        free(text);
        clearerr(stdin);
        return line.interrupted ? ACI_LINE_INTERRUPTED : ACI_LINE_END;
    }
    lua_pushlstring(L, text, (size_t)length - (text[length - 1] == '\n'));
    free(text);
    return ACI_LINE_TEXT;
}

aci_line_result aci_line_read(lua_State *L, const char *prompt) {
    line.prompt = prompt;
    line.interrupted = false;
    return line.editor ? read_edited(L) : read_plain(L);
}
