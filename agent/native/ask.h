#ifndef WHP_ASK_H
#define WHP_ASK_H

/* Sends standard input's line to the agent's socket at `path` and prints the line it answers.
   Returns the exit status: 0, or 1 with errno when nobody answers. */
int ask(const char *path);

/* Has the agent answer the command line `words` and prints what it says. Returns the exit status, or
   -1 when that is no question to it or nobody answers: then the engine has to run. */
int ask_words(int count, char **words);

#endif
