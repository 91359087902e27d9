#include "terminal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

int aci_terminal_width(int fd) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}

/* The terminal gives whole lines, so that one read is one line. */
static void read_line(aci_source *source, unsigned events) {
    aci_line *line = (aci_line *)(void *)((char *)source - offsetof(aci_line, source));
    (void)events;
    ssize_t got = read(STDIN_FILENO, line->text, sizeof line->text);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    line->ended = got <= 0;
    line->length = got > 0 ? (size_t)got : 0;
    if (line->length && line->text[line->length - 1] == '\n')
        line->length--;
    line->come = true;
    aci_source_remove(source);
    aci_wait_done(&line->wait);
}

static int silence(aci_line *line) {
    if (tcgetattr(STDIN_FILENO, &line->before) < 0)
        return -errno;
    struct termios quiet = line->before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL; /* the line break is shown, the rest is not */
    /* What was typed before the question was asked is thrown away. */
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
        return -errno;
    line->silent = true;
    return 0;
}

int aci_line_begin(aci_line *line, bool echo) {
    int status = echo ? 0 : silence(line);
    line->source.on_ready = read_line;
    if (status == 0)
        status = aci_source_add(&line->source, STDIN_FILENO, EPOLLIN);
    if (status < 0)
        aci_line_end(line);
    return status;
}

void aci_line_end(aci_line *line) {
    aci_source_remove(&line->source);
    if (line->silent)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &line->before);
    line->silent = false;
    explicit_bzero(line->text, sizeof line->text);
    line->length = 0;
}
