/* Lines from standard input: edited on a terminal, else as they come. Tasks run while it waits. */
#ifndef ACI_LINE_H
#define ACI_LINE_H

#include <stdbool.h>

#include <lua.h>

typedef enum { ACI_LINE_TEXT, ACI_LINE_END, ACI_LINE_INTERRUPTED } aci_line_result;

/* Called with the text before the cursor on top of the stack, in protected mode; leaves what to
 * insert and what to show above the line (string or nil). */
typedef void aci_line_complete(lua_State *L);

/* Begins; `complete` may be NULL. Tells whether a person sits there: input and output are a
 * terminal. */
bool aci_line_open(lua_State *L, aci_line_complete *complete);

/* Shows the prompt and pushes the next line without its end (only for ACI_LINE_TEXT). */
aci_line_result aci_line_read(lua_State *L, const char *prompt);

/* Puts a line where the arrow keys find it. */
void aci_line_remember(const char *line);

void aci_line_close(void);

#endif
