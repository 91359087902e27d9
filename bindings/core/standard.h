/* Standard input, output and error: when they are closed, and when nobody reads them. */
#ifndef ACI_STANDARD_H
#define ACI_STANDARD_H

/* Takes the places of closed ones, so that no socket or file of ours gets their numbers. Reading
 * and writing them fails as on a closed descriptor. */
void aci_standard_reserve(void);

/* Installs the handler of SIGPIPE: a broken connection is an error of its own write; a broken
 * standard output ends the program, as in every filter. Children that are started by exec get the
 * default action again. */
void aci_pipe_signal(void);

/* From now on the end of the process looks whether standard output took everything: a full disk is
 * told, and makes the exit code 1 where it was 0. One that is closed is meant to be. `program` must
 * stay valid. */
void aci_output_watch(const char *program);

#endif
