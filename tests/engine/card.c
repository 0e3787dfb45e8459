/* Preloaded into ggml-rpc-server: the machine seems to have FH_CARD_MIB of memory, and the process
 * ends with the one that started it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((constructor)) static void end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

long sysconf(int name) {
    static long (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "sysconf");
    const char *mib = getenv("FH_CARD_MIB");
    if (name == _SC_PHYS_PAGES && mib) return atol(mib) * 1048576L / real(_SC_PAGE_SIZE);
    return real(name);
}
