/* The terminal: how wide it is, and one line typed on it, with or without echo. */
#ifndef ACI_TERMINAL_H
#define ACI_TERMINAL_H

#include "loop.h"

#include <termios.h>

enum { ACI_LINE_MOST = 4096 }; /* the kernel's own limit of a typed line */

/* Columns of the terminal behind `fd`; 0 when it is none or does not know. */
int aci_terminal_width(int fd);

/* A line that is waited for. */
typedef struct aci_line {
    aci_wait wait; /* done when the line, or the end of input, has come */
    aci_source source;
    struct termios before;
    bool silent; /* echo is off and must come back */
    bool come;
    bool ended; /* the end of input instead of a line */
    size_t length;
    char text[ACI_LINE_MOST];
} aci_line;

/* Begins to wait for a line on standard input, a terminal; 0 or a negative errno. */
int aci_line_begin(aci_line *line, bool echo);

/* Brings the echo back and wipes the text; idempotent. */
void aci_line_end(aci_line *line);

#endif
