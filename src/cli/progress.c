/* progress.c - where the work is, on standard error; and the way in which a signal stops it.
 *
 * The line shows the stage, the share done, the rate and the time left. It appears once the command
 * has taken a second, is redrawn at most ten times a second, and is cleared at the end. JSON lines
 * come at the same pace, and once more with the last report of each stage.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

/* The one global of the program: a signal handler can reach nothing else. */
static volatile sig_atomic_t caught;

static void note_signal(int number)
{
    caught = number;
}

void rsi_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction
            before; /* what the caller had ignored (nohup, a job in the background) stays so */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

int rsi_caught_signal(void)
{
    return caught;
}

struct rsi_meter {
    rsi_progress_mode mode;
    FILE *out;
    double started_s;
    double stage_s; /* when the stage began */
    double drawn_s; /* when something was last printed */
    char stage[64];
    rs_progress last; /* `stage` and `unit` may be gone: use the copies */
    char unit[24];
    uint64_t stage_from; /* what was done when the stage began: not part of its rate */
    bool last_printed;
    bool visible;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

rsi_meter *rsi_meter_new(rsi_progress_mode mode, FILE *err_stream)
{
    rsi_meter *meter = calloc(1, sizeof *meter);
    if (meter == NULL) {
        return NULL;
    }
    if (mode == RSI_PROGRESS_AUTO) {
        mode = isatty(fileno(err_stream)) ? RSI_PROGRESS_LINE : RSI_PROGRESS_NONE;
    }
    meter->mode = mode;
    meter->out = err_stream;
    meter->started_s = now_s();
    meter->last_printed = true;
    return meter;
}

static double rate_of(const rsi_meter *meter, double at_s)
{
    double seconds = at_s - meter->stage_s;
    uint64_t done = meter->last.done - meter->stage_from;
    return seconds > 0 && meter->last.done >= meter->stage_from ? (double)done / seconds : 0;
}

static void print_json(rsi_meter *meter, double at_s)
{
    const rs_progress *last = &meter->last;
    double rate = rate_of(meter, at_s);
    fputs("{\"stage\":", meter->out);
    rsi_print_json_text(meter->out, rsi_text(meter->stage));
    fputs(",\"unit\":", meter->out);
    rsi_print_json_text(meter->out, rsi_text(meter->unit));
    fprintf(meter->out, ",\"done\":%" PRIu64 ",\"total\":", last->done);
    if (last->total > 0) {
        fprintf(meter->out, "%" PRIu64, last->total);
    } else {
        fputs("null", meter->out);
    }
    fprintf(meter->out, ",\"elapsed_s\":%.1f,\"rate\":%.1f,\"left_s\":", at_s - meter->started_s,
            rate);
    if (last->total >= last->done && last->total > 0 && rate > 0) {
        fprintf(meter->out, "%.1f}\n", (double)(last->total - last->done) / rate);
    } else {
        fputs("null}\n", meter->out);
    }
    fflush(meter->out);
}

/* 1234567 -> "1.23 M"; bytes in powers of 1000 like the rest. */
static void short_number(char *buffer, size_t size, double number)
{
    static const char *const prefix[] = {"", " k", " M", " G", " T"};
    size_t step = 0;
    while (number >= 999.5 && step + 1 < sizeof prefix / sizeof *prefix) {
        number /= 1000;
        step++;
    }
    int digits = step == 0 || number >= 100 ? 0 : number >= 10 ? 1 : 2;
    snprintf(buffer, size, "%.*f%s", digits, number, prefix[step]);
}

static void time_left(char *buffer, size_t size, double seconds)
{
    if (seconds < 60) {
        snprintf(buffer, size, ", %.0f s left", seconds);
    } else if (seconds < 3600) {
        snprintf(buffer, size, ", %.0f min %02.0f s left", (double)(int)(seconds / 60),
                 (double)((int)seconds % 60));
    } else if (seconds < 1e6) {
        snprintf(buffer, size, ", %.0f h %02.0f min left", (double)(int)(seconds / 3600),
                 (double)((int)(seconds / 60) % 60));
    } else {
        snprintf(buffer, size, ", days left");
    }
}

static int screen_width(FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20) {
        return size.ws_col - 1;
    }
    return 79;
}

static void draw_line(rsi_meter *meter, double at_s)
{
    const rs_progress *last = &meter->last;
    char line[256], done[24], speed[24], left[48] = "", share[64] = "";
    double rate = rate_of(meter, at_s);
    short_number(done, sizeof done, (double)last->done);
    short_number(speed, sizeof speed, rate);
    if (last->total > 0 && last->done <= last->total) {
        snprintf(share, sizeof share, " %3.0f %%",
                 100.0 * (double)last->done / (double)last->total);
        if (rate > 0) {
            time_left(left, sizeof left, (double)(last->total - last->done) / rate);
        }
    }
    snprintf(line, sizeof line, "%s%s  %s %s, %s/s%s", meter->stage, share, done, meter->unit,
             speed, left);
    fprintf(meter->out, "\r%.*s\033[K", screen_width(meter->out), line);
    fflush(meter->out);
    meter->visible = true;
}

static void print_last(rsi_meter *meter, double at_s)
{
    if (meter->mode == RSI_PROGRESS_JSON) {
        print_json(meter, at_s);
    } else if (at_s - meter->started_s >= 1) {
        draw_line(meter, at_s);
    }
    meter->drawn_s = at_s;
    meter->last_printed = true;
}

/* The last report of a stage is worth a line of JSON whatever the pace. */
static void finish_stage(rsi_meter *meter, double at_s)
{
    if (meter->mode == RSI_PROGRESS_JSON && !meter->last_printed) {
        print_last(meter, at_s);
    }
}

static void copy_name(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from != NULL ? from : "");
}

int rsi_meter_report(void *context, const rs_progress *now)
{
    rsi_meter *meter = context;
    if (meter->mode == RSI_PROGRESS_NONE) {
        return caught != 0;
    }
    double at_s = now_s();
    bool new_stage = strncmp(meter->stage, now->stage, sizeof meter->stage - 1) != 0;
    if (new_stage) {
        finish_stage(meter, at_s);
        copy_name(meter->stage, sizeof meter->stage, now->stage);
        copy_name(meter->unit, sizeof meter->unit, now->unit);
        meter->stage_s = at_s;
        meter->stage_from = now->done;
    }
    meter->last = *now;
    meter->last_printed = false;
    if (at_s - meter->drawn_s >= 0.1) {
        print_last(meter, at_s);
    }
    return caught != 0;
}

void rsi_meter_close(rsi_meter *meter)
{
    if (meter == NULL) {
        return;
    }
    finish_stage(meter, now_s());
    if (meter->visible) {
        fputs("\r\033[K", meter->out);
        fflush(meter->out);
    }
    free(meter);
}
