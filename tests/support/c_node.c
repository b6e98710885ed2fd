/* A node in C, by the library ei: does what it is told by messages, and tells the process `test`
   of its peer, as `{Command, Result}`, what has come of it.

   c_node OwnName Cookie Peer dial|accept */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ei.h>

static ei_cnode node;
static int connection;

static void fail(const char *what)
{
    fprintf(stderr, "%s failed: %d\n", what, erl_errno);
    exit(1);
}

/* Begins an answer to `command`: what follows is its result. */
static void begin_answer(ei_x_buff *answer, const char *command)
{
    ei_x_new_with_version(answer);
    ei_x_encode_tuple_header(answer, 2);
    ei_x_encode_atom(answer, command);
}

static void send_answer(ei_x_buff *answer)
{
    if (ei_reg_send(&node, connection, "test", answer->buff, answer->index) < 0)
        fail("ei_reg_send");
    ei_x_free(answer);
}

/* Waits for the next message. It has its version, at which `message->index` is. */
static void receive(ei_x_buff *message)
{
    erlang_msg control;
    for (;;) {
        message->index = 0;
        switch (ei_xreceive_msg(connection, &control, message)) {
        case ERL_TICK:
            break;
        case ERL_MSG:
            if (control.msgtype != ERL_SEND && control.msgtype != ERL_REG_SEND)
                break;
            message->index = 0;
            return;
        default:
            fail("ei_xreceive_msg");
        }
    }
}

/* `echo`: answers with the term that comes. */
static void echo(ei_x_buff *message)
{
    ei_x_buff answer;
    int end = message->index;
    if (ei_skip_term(message->buff, &end) < 0)
        fail("ei_skip_term");
    begin_answer(&answer, "echo");
    ei_x_append_buf(&answer, message->buff + message->index, end - message->index);
    send_answer(&answer);
}

/* `call`: calls the server `counter` with the term that comes, as gen_server:call does, but without
   a monitor, and answers with the reply. */
static void call(ei_x_buff *message)
{
    ei_x_buff request, reply, answer;
    erlang_ref ref, reply_ref;
    int end = message->index, index = 0, version, arity;
    if (ei_skip_term(message->buff, &end) < 0 || ei_make_ref(&node, &ref) < 0)
        fail("a request");
    ei_x_new_with_version(&request);
    ei_x_encode_tuple_header(&request, 3);
    ei_x_encode_atom(&request, "$gen_call");
    ei_x_encode_tuple_header(&request, 2);
    ei_x_encode_pid(&request, ei_self(&node));
    ei_x_encode_ref(&request, &ref);
    ei_x_append_buf(&request, message->buff + message->index, end - message->index);
    if (ei_reg_send(&node, connection, "counter", request.buff, request.index) < 0)
        fail("ei_reg_send");
    ei_x_new(&reply);
    receive(&reply);
    if (ei_decode_version(reply.buff, &index, &version) < 0
        || ei_decode_tuple_header(reply.buff, &index, &arity) < 0 || arity != 2
        || ei_decode_ref(reply.buff, &index, &reply_ref) < 0 || ei_cmp_refs(&ref, &reply_ref) != 0)
        fail("the reply");
    end = index;
    ei_skip_term(reply.buff, &end);
    begin_answer(&answer, "call");
    ei_x_append_buf(&answer, reply.buff + index, end - index);
    send_answer(&answer);
    ei_x_free(&request);
    ei_x_free(&reply);
}

/* `rpc`: has `{Module, Function, Arguments}` run there, and answers with the value. */
static void rpc(ei_x_buff *message)
{
    char module[MAXATOMLEN], function[MAXATOMLEN];
    ei_x_buff value, answer;
    int arity, start, end;
    if (ei_decode_tuple_header(message->buff, &message->index, &arity) < 0 || arity != 3
        || ei_decode_atom(message->buff, &message->index, module) < 0
        || ei_decode_atom(message->buff, &message->index, function) < 0)
        fail("{Module, Function, Arguments}");
    start = end = message->index;
    ei_skip_term(message->buff, &end);
    ei_x_new(&value);
    if (ei_rpc(&node, connection, module, function, message->buff + start, end - start, &value) < 0)
        fail("ei_rpc");
    begin_answer(&answer, "rpc");
    ei_x_append_buf(&answer, value.buff, value.index);
    send_answer(&answer);
    ei_x_free(&value);
}

int main(int count, char **arguments)
{
    char command[MAXATOMLEN], alive[MAXATOMLEN];
    struct in_addr address;
    ei_x_buff message, hello;
    int version, arity;
    if (count != 5)
        return 2;
    ei_init();
    address.s_addr = inet_addr("127.0.0.1");
    snprintf(alive, sizeof alive, "%.*s", (int)strcspn(arguments[1], "@"), arguments[1]);
    if (ei_connect_xinit(&node, "127.0.0.1", alive, arguments[1], &address, arguments[2], 0) < 0)
        fail("ei_connect_xinit");
    if (strcmp(arguments[4], "accept") == 0) {
        ErlConnect peer;
        int port = 0, listener = ei_listen(&node, &port, 5);
        if (listener < 0 || ei_publish(&node, port) < 0)
            fail("ei_publish");
        puts("published");
        fflush(stdout);
        connection = ei_accept(&node, listener, &peer);
    } else
        connection = ei_connect(&node, arguments[3]);
    if (connection < 0)
        fail("to connect");

    begin_answer(&hello, "hello");
    ei_x_encode_pid(&hello, ei_self(&node));
    send_answer(&hello);
    ei_x_new(&message);
    for (;;) {
        receive(&message);
        if (ei_decode_version(message.buff, &message.index, &version) < 0
            || ei_decode_tuple_header(message.buff, &message.index, &arity) < 0 || arity != 2
            || ei_decode_atom(message.buff, &message.index, command) < 0)
            fail("{Command, Term}");
        if (strcmp(command, "echo") == 0)
            echo(&message);
        else if (strcmp(command, "call") == 0)
            call(&message);
        else if (strcmp(command, "rpc") == 0)
            rpc(&message);
        else
            return 0; /* `stop` */
    }
}
