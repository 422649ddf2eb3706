/* main.c - argv -> a subcommand -> exit status.
 *
 * All that touches the process as a whole is here: signals, standard output's fate, exit. Errors
 * are printed here and nowhere else: `ringscope: message`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ringscope/version.h"

static void complain(const char *message)
{
    fputs("ringscope: ", stderr);
    rsi_print_text(stderr, rsi_text(message));
    fputc('\n', stderr);
}

/* A full disk or a closed pipe behind standard output must not pass for success. */
static int finish_output(int exit_status)
{
    int failed = ferror(stdout);
    int why = errno;
    if (fclose(stdout) != 0) {
        failed = 1;
        why = errno;
    }
    if (failed && exit_status != RSI_EXIT_USAGE && exit_status < RSI_EXIT_SIGNAL) {
        char message[200];
        snprintf(message, sizeof message, "cannot write to standard output: %s", strerror(why));
        complain(message);
        exit_status = RSI_EXIT_FAILED;
    }
    return exit_status;
}

static unsigned usable_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than the set has room for */
    return online > 0 ? (unsigned)online : 1;
}

/* The first number in a file, or `otherwise` ("max", no such file). */
static uint64_t number_in(const char *path, const char *key, uint64_t otherwise)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return otherwise;
    }
    char line[256];
    uint64_t found = otherwise;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *digits = line + strlen(key);
            char *end;
            errno = 0;
            unsigned long long number = strtoull(digits, &end, 10);
            if (end != digits && errno == 0) {
                found = number;
            }
            break;
        }
    }
    fclose(file);
    return found;
}

/* What the process's control group and those above it allow: a service has one of its own, a
 * container sees its own as the root. */
static uint64_t allowed_memory(void)
{
    char line[PATH_MAX];
    char path[PATH_MAX + 64];
    char group[PATH_MAX] = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(group, sizeof group, "%s", line + 3);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    uint64_t allowed = number_in("/sys/fs/cgroup/memory.max", "", UINT64_MAX);
    for (char *end = group + strlen(group); end > group; end = strrchr(group, '/')) {
        *end = '\0';
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        uint64_t here = number_in(path, "", UINT64_MAX);
        allowed = here < allowed ? here : allowed;
    }
    return allowed;
}

/* Half of what is free, and never more than half of what the control groups allow. */
static uint64_t default_memory(void)
{
    uint64_t free_kb = number_in("/proc/meminfo", "MemAvailable:", UINT64_C(2) << 20);
    uint64_t allowed = allowed_memory();
    uint64_t free_bytes = free_kb * 1024;
    return (free_bytes < allowed ? free_bytes : allowed) / 2;
}

static rs_status run_with_meter(const rsi_command *command, const rsi_common *common,
                                rsi_call *call, rs_error *err)
{
    rsi_progress_mode mode = common->quiet && common->progress == RSI_PROGRESS_AUTO
                                 ? RSI_PROGRESS_NONE
                                 : (rsi_progress_mode)common->progress;
    rsi_meter *meter = rsi_meter_new(mode, stderr);
    if (meter == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    rs_work work = {
        .threads = common->threads != 0 ? (unsigned)common->threads : usable_processors(),
        .memory_bytes = common->memory_bytes != 0 ? common->memory_bytes : default_memory(),
        .progress = rsi_meter_report,
        .context = meter,
    };
    call->work = &work;
    call->quiet = common->quiet;
    rs_status status = command->run(call, err);
    rsi_meter_close(meter);
    return status;
}

static int run_command(const rsi_command *command, int argc, char **argv)
{
    rs_error err = {.status = RS_OK};
    rsi_common common = {0};
    rsi_call call = {.out = stdout, .exit_status = RSI_EXIT_DONE};
    rs_status status = RS_OK;
    int exit_status;
    call.options = calloc(1, command->options_size + 1);
    if (call.options == NULL) {
        status = rs_fail(&err, RS_ENOMEM, "out of memory");
    } else {
        if (command->defaults != NULL) {
            memcpy(call.options, command->defaults, command->options_size);
        }
        status = rsi_parse(command, argc, argv, &common, &call, &err);
    }
    if (status == RS_OK && common.help) {
        rsi_help_command(stdout, command);
    } else if (status == RS_OK) {
        rsi_catch_signals();
        status = run_with_meter(command, &common, &call, &err);
    }
    exit_status = status == RS_OK ? call.exit_status : rsi_exit_status(status);
    if (status != RS_OK && rsi_caught_signal() != 0) {
        exit_status = RSI_EXIT_SIGNAL + rsi_caught_signal();
    }
    if (status != RS_OK) {
        fflush(stdout);
        complain(err.message);
    }
    rsi_parse_free(command, &call);
    free(call.options);
    return exit_status;
}

static const rsi_command *find_command(const char *name)
{
    for (const rsi_command *const *row = rsi_commands(); *row != NULL; row++) {
        if (strcmp((*row)->name, name) == 0) {
            return *row;
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t count = 0;
    for (const rsi_command *const *row = rsi_commands(); *row != NULL && count < 62; row++) {
        names[count++] = (*row)->name;
    }
    names[count++] = "help";
    const char *nearest = rsi_nearest(name, names, count);
    char message[400];
    if (nearest != NULL) {
        snprintf(message, sizeof message, "no command \"%.100s\"; did you mean \"%s\"?", name,
                 nearest);
    } else {
        snprintf(message, sizeof message,
                 "no command \"%.100s\"; \"ringscope --help\" lists the commands", name);
    }
    complain(message);
    return RSI_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc == 0) {
        rsi_help_overview(stdout);
        return RSI_EXIT_DONE;
    }
    const rsi_command *command = find_command(argv[0]);
    if (command == NULL) {
        return unknown_command(argv[0]);
    }
    rsi_help_command(stdout, command);
    return RSI_EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        rsi_help_overview(stderr);
        return RSI_EXIT_USAGE;
    }
    const char *first = argv[1];
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0) {
        return help(argc - 2, argv + 2);
    }
    if (strcmp(first, "--version") == 0) {
        printf("ringscope %s\n", rs_version());
        return RSI_EXIT_DONE;
    }
    const rsi_command *command = find_command(first);
    if (command == NULL) {
        return unknown_command(first);
    }
    return run_command(command, argc - 2, argv + 2);
}

/* A standard stream that the caller closed would lend its number to the next file that is opened,
 * a store's, and messages would be written into that. What is put in their place fails as a closed
 * stream does: it cannot be written to, or read from. */
static bool hold_standard_streams(void)
{
    for (int stream = 0; stream <= 2; stream++) {
        if (fcntl(stream, F_GETFD) < 0 &&
            open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) != stream) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!hold_standard_streams()) {
        return RSI_EXIT_FAILED;
    }
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, told as such */
    return finish_output(dispatch(argc, argv));
}
