#ifndef WHP_ASK_H
#define WHP_ASK_H

/* Sends standard input's line to the agent's socket at `path` and prints the line it answers.
   Returns the exit status: 0, or 1 with errno when nobody answers. */
int ask(const char *path);

#endif
