#!/usr/bin/env python3
"""Write what transformers renders, for the Go tests to compare with.

Three files come out, beside the tests that read them:

  testdata/chat_templates.json       conversations through chat templates of the
                                     kinds that models carry
  testdata/chat_targets.json         the same conversations as token ids, with the
                                     targets, under SmolLM2's template and the
                                     small tokenizer.json in this folder
  ../jinja/testdata/expressions.json small templates, one feature of the language
                                     each, also those where Python raises

The templates here are written for this script after the format that each family
of models expects; they are not the models' files, except for the one line of
SmolLM2, which its GGUF file carries in "tokenizer.chat_template".

Run with any Python that has transformers (made with 5.23), tokenizers (0.23) and
jinja2 (3.1.6):

  python3 trainer/data/testdata/make_oracle.py

A model's own template is checked in the same way, without being kept here:

  python3 trainer/data/testdata/make_oracle.py chat_template.jinja … > /tmp/oracle.json
  CHAT_TEMPLATE_ORACLE=/tmp/oracle.json go test ./trainer/data/ -run AgainstTransformers
"""

import datetime
import json
import pathlib
import sys

from tokenizers import Tokenizer
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

HERE = pathlib.Path(__file__).resolve().parent

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# "@" stands for the space that Mistral's older formats have around a turn.
MISTRAL_WITH_SYSTEM = """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
    {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
        {{- raise_exception("After the optional system message, conversation roles must alternate") }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS]" + (tools | tojson) + "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST]@" + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST]@" + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- "@" + message["content"] + eos_token }}
    {%- elif message["role"] == "tool" %}
        {{- '[TOOL_RESULTS]@{"content": ' + message.content | string + ', "call_id": ' }}
        {%- if not message.tool_call_id is defined or message.tool_call_id | length != 9 %}
            {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
        {%- endif %}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial system message!") }}
    {%- endif %}
{%- endfor %}
"""

TEMPLATES = {
    "smollm2": SMOLLM2,
    "chatml_without_generation_prompt": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
    "llama3": """\
{% set loop_messages = messages %}
{% for message in loop_messages %}
    {% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' %}
    {% if loop.index0 == 0 %}
        {% set content = bos_token + content %}
    {% endif %}
    {{- content }}
{% endfor %}
{% if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{% endif %}
""",
    "llama3_tools": """\
{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{#- The system message comes out first, whether or not there is one. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "qwen2.5": """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "qwen3": """\
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
""",
    "mistral": (
        "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token}}"
        "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
    ),
    "llama2": """\
{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system_message = messages[0]['content'] %}\
{% else %}{% set rest = messages %}{% set system_message = false %}{% endif %}\
{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('Roles must alternate') }}{% endif %}\
{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}\
{% else %}{% set content = message['content'] %}{% endif %}\
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}\
{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "gemma": """\
{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{% endif %}
{% if (message['role'] == 'assistant') %}
{% set role = 'model' %}
{% else %}
{% set role = message['role'] %}
{% endif %}
{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{% if add_generation_prompt %}
{{'<start_of_turn>model\\n'}}
{%- endif %}
""",
    "zephyr": """\
{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}
""",
    "phi3": (
        "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
        "{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}"
        "{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}"
        "{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"
    ),
    "llama3.2": """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}{% set tools = none %}{% endif %}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\nToday Date: " + date_string + "\\n\\n" + system + "<|eot_id|>" }}
{%- for message in messages %}
    {%- if message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- else %}
        {{- "<|start_header_id|>" + message.role + "<|end_header_id|>\\n\\n" + message.content | trim + "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}{%- endif %}
""",
    "qwen2": (
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\n' + message['content']}}"
        "{% if (loop.last and add_generation_prompt) or not loop.last %}{{ '<|im_end|>' + '\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    # The system prompt goes into the last user turn, so that no rendering of a part
    # begins the rendering of the whole.
    "mistral_v3": MISTRAL_WITH_SYSTEM.replace("@", " "),
    "mistral_nemo": MISTRAL_WITH_SYSTEM.replace("@", ""),
    "gemma3": """\
{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set prefix = "" -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- set role = "model" if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\\n' }}
{%- endif -%}
""",
    "alpaca": """\
{%- for message in messages if message.role in ['user', 'assistant'] -%}
    {%- if loop.first and messages | selectattr('role', 'equalto', 'system') | list | length > 0 -%}
        {{ (messages | selectattr('role', 'equalto', 'system') | first).content ~ '\\n\\n' }}
    {%- endif -%}
    {{ '### ' ~ ('Instruction' if message.role == 'user' else 'Response') ~ ':\\n' ~ message.content ~ '\\n\\n' }}
{%- else -%}
    {{ '(nothing)' }}
{%- endfor -%}
{{ '### Response:\\n' if add_generation_prompt }}""",
    "macro": """\
{%- macro turn(role, content, end='<|end|>') -%}
{{ '<|' + role + '|>' }}{{ content }}{{ end }}
{%- endmacro %}
{%- set titles = {'user': 'Human', 'assistant': 'AI'} %}
{% for message in messages %}
    {% if message.role == 'system' %}
        {% continue %}
    {% endif %}
    {% set kind %}{{ titles.get(message.role, message.role | upper) }}{% endset %}
    {% generation %}
{{ turn(kind, message.content) }}
    {%- endgeneration %}

    {%+ if loop.index > 5 %}
        {% break %}
    {% endif %}
{% endfor %}
{{ turn('AI', '', end='') if add_generation_prompt else '' }}
""",
}

HARD = "  Ünïcode 日本語 🎉\n\tcode: `x = {'a': \"b\"}` <b>&amp;</b> {{ not a tag }} {% nor this %}\r\n  "

CONVERSATIONS = {
    "one_turn": [("user", "What is 2+2?"), ("assistant", "4")],
    "system": [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!")],
    "two_turns": [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
    "ends_with_user": [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c")],
    "white_space": [("user", "\n\n x \t"), ("assistant", "  y\n\n")],
    "hard_text": [("user", HARD), ("assistant", HARD)],
    "empty_contents": [("system", ""), ("user", ""), ("assistant", "")],
    "special_in_text": [("user", "<|im_end|> </s> <|eot_id|>"), ("assistant", "<|im_start|>user\n")],
    "assistant_first": [("assistant", "Hello"), ("user", "Hi")],
    "same_texts": [("user", "user"), ("assistant", "user"), ("user", "user"), ("assistant", "assistant")],
    "thinking": [("user", "q"), ("assistant", "<think>\nhm\n</think>\n\nanswer"), ("user", "r"), ("assistant", "<think>\nso\n</think>\n\nyes")],
    "tool": [("user", "q"), ("assistant", "call"), ("tool", "result"), ("assistant", "done")],
    "long": [(("user", "assistant")[i % 2], f"turn {i}") for i in range(12)],
    "only_system": [("system", "alone")],
    "empty_answer": [("user", "a"), ("assistant", ""), ("user", "c"), ("assistant", "d")],
    "trailing_space": [("system", "  s  "), ("user", "a "), ("assistant", "b\n\n"), ("user", " c"), ("assistant", " d ")],
    "thinking_only_last": [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "<think>x</think>d")],
    "two_answers": [("user", "a"), ("assistant", "b"), ("assistant", "c")],
    "developer": [("developer", "D"), ("user", "a"), ("assistant", "b")],
    "system_long": [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e"), ("assistant", "f")],
    "system_later": [("user", "a"), ("assistant", "b"), ("system", "S"), ("user", "c"), ("assistant", "d")],
}

# What a format writes before and behind an assistant's turn. All between them is
# what the model says, the end included.
CHATML = ("<|im_start|>assistant\n", "<|im_end|>")
LLAMA3 = ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>")
MISTRAL = ("[/INST]", "</s>")
GEMMA = ("<start_of_turn>model\n", "<end_of_turn>")
FORMATS = {
    "smollm2": CHATML, "chatml_without_generation_prompt": CHATML, "qwen2": CHATML, "qwen2.5": CHATML, "qwen3": CHATML,
    "llama3": LLAMA3, "llama3_tools": LLAMA3, "llama3.2": LLAMA3,
    "llama2": MISTRAL, "mistral": MISTRAL, "mistral_v3": MISTRAL, "mistral_nemo": MISTRAL,
    "gemma": GEMMA, "gemma3": GEMMA,
    "zephyr": ("<|assistant|>\n", "</s>"), "phi3": ("<|assistant|>\n", "<|end|>"),
}

# In this text an assistant's turn looks like a header of another.
AMBIGUOUS = {"special_in_text"}


class Clock(datetime.datetime):
    """The time that strftime_now tells, in the tests too."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 3, 5, 6, 7, 8)


def spoken(rendered, header, end):
    """The byte ranges of the assistant's turns, found by the format alone."""
    ranges, at = [], 0
    while (at := rendered.find(header, at)) >= 0:
        at += len(header)
        stop = rendered.find(end, at)
        if at < len(rendered):
            stop = len(rendered) if stop < 0 else stop + len(end)
            ranges.append([len(rendered[:at].encode()), len(rendered[:stop].encode())])
            at = stop
    return ranges


def chat_cases(templates):
    cases = []
    for name, template in templates.items():
        for conversation, turns in CONVERSATIONS.items():
            for add_generation_prompt in (False, True):
                case = {"template": name, "conversation": conversation, "add_generation_prompt": add_generation_prompt}
                messages = [{"role": role, "content": content} for role, content in turns]
                try:
                    rendered, _ = render_jinja_template(
                        conversations=[messages], chat_template=template, add_generation_prompt=add_generation_prompt,
                        bos_token="<s>", eos_token="</s>",
                    )
                    case["rendered"] = rendered[0]
                    if name in FORMATS and conversation not in AMBIGUOUS and not add_generation_prompt:
                        case["spoken"] = spoken(rendered[0], *FORMATS[name])
                except Exception as error:  # the template's own refusal, or Python's
                    case["error"] = f"{type(error).__name__}: {error}"
                cases.append(case)
    return {
        "templates": templates,
        "conversations": {name: [{"role": r, "content": c} for r, c in turns] for name, turns in CONVERSATIONS.items()},
        "cases": cases,
    }


# Every template sees: messages (two of them), nothing (None), empty (""), word,
# number, items (a list), flags (a dict). "absent" is not defined.
EXPRESSIONS = r"""
{{ 'a\nb' }}|{{ 'a\\nb' }}|{{ "it\'s" }}|{{ 'q\"q' }}|{{ '\x41\u00e9\U0001F389\101\q' }}
{{ 'a' 'b' "c" }}
{{ 1 }} {{ 1.5 }} {{ 1.0 }} {{ true }} {{ False }} {{ none }} {{ None }} {{ absent }}
{{ 1e5 }}
{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 4 / 2 }}
{{ 2 ** 3 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 2 * -3 }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ true + 1 }} {{ 1.5 + 1 }} {{ 0.1 + 0.2 }} {{ 1e }}
{{ 0.1 + 0.2 }} {{ 100000000000000000.0 }} {{ 0.00001 }} {{ 1.0 * 3 }}
{{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none ~ true }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'a' * -1 }}
{{ 'a' + 1 }}
{{ 'a' + none }}
{{ 'a' + absent }}
{{ absent + 'a' }}
{{ 'a' ~ absent }}
{{ [1] + [2, 'x'] }} {{ (1,) + (2,) }} {{ () }} {{ 1, 2 }}
{{ 'a' ~ 'b' + 'c' }}
{{ '1' + 2 ~ '3' }}
{{ word or 'd' }} {{ empty or 'd' }} {{ nothing or empty or 0 }} {{ word and 'x' }} {{ empty and 'x' }}|{{ 0 or none }}
{{ not word }} {{ not empty }} {{ not not 1 }} {{ not 1 == 2 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 2 >= 2.0 }} {{ 1 == 1.0 == true }} {{ '1' == 1 }} {{ none == absent }}
{{ 'a' < 1 }}
{{ absent < 1 }}
{{ absent == absent }} {{ absent != 1 }}
{{ [1, 2] == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ (1, 2) == [1, 2] }} {{ [] == () }}
{{ 'a' in 'abc' }} {{ 'z' not in 'abc' }} {{ 'a' in ['a'] }} {{ 'role' in messages[0] }} {{ 'x' in absent }} {{ 2 in items }}
{{ 1 in 'abc' }}
{{ 'x' in none }}
{{ not 'a' in 'b' }} {{ 'a' if 'a' in 'abc' else 'b' }} {{ ('x' if false) }}|{{ 'x' if not empty }}
{{ 'a' if false else 'b' if false else 'c' }}
{{ 1 if absent else 2 }}
{{ absent.x }}
{{ absent['x'] }}
{{ absent() }}
{{ nothing.x }}|{{ nothing['x'] }}|{{ number.x }}|{{ word.nope }}|{{ word['nope'] }}
{{ messages[0].role }} {{ messages[0]['role'] }} {{ messages.0.role }} {{ messages[-1].content }} {{ messages[9] }}|{{ messages['role'] }}
{{ messages[9].role }}
{{ messages[0].nope }}|{{ messages[0]['nope'] }}
{{ messages[0].nope.x }}
{{ word[0] }} {{ word[-1] }} {{ word[99] }}|{{ 'héé'[1] }}
{{ items[1:] }} {{ items[:1] }} {{ items[::-1] }} {{ items[::2] }} {{ items[-2:] }} {{ items[5:] }} {{ items[:-1] }} {{ items[2:0:-1] }} {{ items[:] }}
{{ word[1:3] }} {{ word[::-1] }} {{ 'héllo'[1:2] }} {{ (1, 2, 3)[1:] }} {{ items[none:2] }}
{{ items[::0] }}
{{ nothing[1:] }}
{{ absent[1:] }}
{{ number[1:] }}
{{ messages[0][1:] }}
{{ items['a':] }}
{{ flags }} {{ items }} {{ [none, true, 1.5, 'a"b', "it's", 'a\nb', 'é', '\x07', absent] }} {{ {'k': [1]} }}
{{ 'both \' and "' }}|{{ ['both \' and "', '\\', '\u200b', '\xa0', '\U000e0001'] }}
{{ flags.items() | list }} {{ flags.keys() | list }} {{ flags.values() | list }} {{ flags.get('yes') }} {{ flags.get('nope') }} {{ flags.get('nope', 'd') }}
{{ flags.nope() }}
{{ flags.yes() }}
{{ flags.update({'a': 1}) }}
{{ items.append(4) }}
{{ {'items': 1}['items'] }}
{{ '  x '.strip() }}|{{ ' x '.lstrip() }}|{{ ' x '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\n\u2003a\x1c'.strip() }}|{{ 'abcab'.strip('ab') }}|{{ 'a'.strip(none) }}
{{ ' a  b\tc '.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b  c '.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b'.split(sep=',', maxsplit=0) }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a,b'.rsplit(',') }}
{{ 'a'.split('') }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.startswith('b') }} {{ 'abc'.startswith('') }}
{{ 'abc'.startswith(1) }}
{{ 'abc'.startswith(absent) }}
{{ 'a-b-c'.replace('-', '+') }} {{ 'a-b-c'.replace('-', '+', 1) }} {{ 'ab'.replace('', '.') }}
{{ 'aBc'.upper() }} {{ 'aBc'.lower() }} {{ 'hello wOrld'.title() }} {{ "it's a2b".title() }} {{ 'aBC d'.capitalize() }} {{ ''.capitalize() }}
{{ 'héllo'.find('l') }} {{ 'hello'.rfind('l') }} {{ 'a'.find('z') }} {{ 'hello'.count('l') }} {{ 'pre-x'.removeprefix('pre-') }} {{ 'x.py'.removesuffix('.py') }}
{{ ', '.join(['a', 'b']) }} {{ '-'.join('abc') }}
{{ ','.join([1]) }}
{{ word.strip('a', 'b') }}
{{ word.nope() }}
{{ word() }}
{{ '  x ' | trim }}|{{ 'xax' | trim('x') }}|{{ absent | trim }}|{{ none | trim }}|{{ 5 | trim }}
{{ word | length }} {{ items | count }} {{ absent | length }} {{ 'héé' | length }} {{ flags | length }} {{ flags.items() | length }}
{{ 5 | length }}
{{ none | length }}
{{ 'aB' | upper }} {{ 'aB' | lower }} {{ 'aB c' | capitalize }} {{ none | upper }} {{ 5 | string + 'x' }}
{{ absent | default('d') }} {{ none | default('d') }} {{ empty | default('d') }}|{{ empty | default('d', true) }} {{ none | d('e', boolean=true) }} {{ absent | default }}|{{ absent.x | default('z') }}
{{ 'a-b' | replace('-', '+') }} {{ 'a-b-c' | replace('-', '+', 1) }} {{ 515 | replace(5, 'x') }}
{{ items | join }} {{ items | join(', ') }} {{ messages | join('|', attribute='role') }} {{ 'abc' | join('.') }} {{ absent | join('x') }}|{{ [none, 1.5] | join(',') }}
{{ items | first }} {{ items | last }} {{ [] | first }}|{{ 'abc' | first }} {{ 'abc' | last }} {{ flags | first }}
{{ items | reverse | list }} {{ 'abc' | reverse }} {{ items | list }} {{ 'abc' | list }} {{ absent | list }} {{ flags | list }}
{{ items | reverse | length }}
{{ flags | items | list }} {{ absent | items | list }}
{{ messages | map(attribute='role') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ messages | map(attribute='nope', default='x') | list }}
{{ messages | selectattr('role', 'equalto', 'user') | list }} {{ messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | list }} {{ messages | selectattr('nope') | list }} {{ messages | selectattr('nope', 'defined') | list | length }}
{{ items | select('odd') | list }} {{ items | reject('odd') | list }} {{ [0, 1, ''] | select | list }} {{ items | select('gt', 1) | list }} {{ items | select('in', [1, 3]) | list }}
{{ items | select('odd') | length }}
{{ messages | tojson }}
{{ messages | tojson(indent=2) }}
{{ {'b': [1, 2.5, none, true], 'a': {}, 'c': []} | tojson(indent=4, sort_keys=true) }}
{{ {'b': 'é🎉<>&\'"\\\n\t\x01\x7f'} | tojson }} {{ 'é🎉\x7f' | tojson(ensure_ascii=true) }} {{ {'a': 1, 'b': 2} | tojson(separators=(',', ':')) }}
{{ absent | tojson }}
{{ word | nope }}
{{ word is nope }}
{{ absent is defined }} {{ none is defined }} {{ word is defined }} {{ absent is undefined }} {{ none is none }} {{ word is not none }} {{ absent is none }} {{ messages[0].nope is defined }}
{{ absent.x is defined }}
{{ 1 is number }} {{ true is number }} {{ 'a' is string }} {{ absent is string }} {{ {} is mapping }} {{ [] is mapping }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 1 is integer }} {{ true is integer }} {{ 1.5 is float }}
{{ [] is iterable }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ absent is iterable }} {{ {} is iterable }} {{ none is iterable }}
{{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ 1 is sequence }} {{ absent is sequence }} {{ flags.items() is sequence }} {{ range(2) is sequence }}
{{ 3 is odd }} {{ 3 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is eq 1 }} {{ 1 is ne(1) }} {{ 1 is lt 2 }} {{ 'a' is in 'abc' }} {{ 3 is gt 2 and 2 is le 2 }}
{{ 'a' is odd }}
{{ 1 is odd if true else 2 }}
{{ word is defined and word }}|{{ word is defined or 1 }}|{{ not word is defined }}|{{ word is not defined }}
{{ word is defined is true }}
{{ -1 | string }} {{ - number }} {{ +number }} {{ --1 }}
{{ -'a' }}
{{ (1, 2)[0] }} {{ ((1)) }} {{ (1) is number }} {{ [1, 2,] }} {{ {'a': 1,} }} {{ (1,) }} {{ [[1], (2, 3)] }}
{{ range(3) | list }} {{ range(1, 6, 2) | list }} {{ range(3, 0, -1) | list }} {{ range(0) | list }} {{ range(5)[1] }} {{ range(4) | length }}
{{ range(0, 5, 0) }}
{{ range('a') }}
{{ dict(a=1, b='x') }} {{ dict({'z': 1}, y=2) }} {{ dict() }}
{{ raise_exception('bad ' ~ number) }}
{{ strftime_now('') }}|{{ strftime_now('100%%') }}
{% set x = 1 %}{% for i in items %}{{ x }}{% set x = x + i %}{% endfor %}{{ x }}
{% set ns = namespace(n=0, s='') %}{% for i in items %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}{{ ns.nope }}
{% set ns = namespace(_a=1) %}
{% set word.x = 1 %}
{% set flags.x = 1 %}
{% if empty %}{% set y = 1 %}{% endif %}{{ y }}|{% if word %}{% set y = 2 %}{% endif %}{{ y }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = 'xy' %}{{ a }}{{ b }}{% set (c, d) = items[:2] %}{{ c }}{{ d }}{% set t = 1, 2 %}{{ t }}
{% set a, b = 1, 2, 3 %}
{% set a, b = absent %}
{% set x %} <{{ word }}> {% endset %}[{{ x }}]{{ x is string }}
{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }};{% endfor %}{{ loop }}|{{ i }}
{% for i in items if i != 2 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {{ loop.last }} {% endfor %}
{% for i in items if i > 9 %}x{% else %}none of {{ items }}{% endfor %}
{% for k, v in flags.items() %}{{ k }}={{ v }};{% endfor %}{% for k in flags %}{{ k }}{% endfor %}{% for c in 'héy' %}{{ c }}.{% endfor %}{% for x in absent %}x{% else %}empty{% endfor %}
{% for k, v in items %}{{ k }}{% endfor %}
{% for x in none %}x{% endfor %}
{% for x in 5 %}x{% endfor %}
{% for i in items %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}{% for i in items %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% else %}e{% endfor %}
{% for i in items %}{% for j in items %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in items %}{% break %}{% else %}all left{% endfor %}|{% for i in items %}{% if i > 1 %}{% continue %}{% endif %}{{ i }}{% else %}e{% endfor %}|{% for i in items %}{% continue %}{% else %}{{ i }}{% endfor %}
{% for i in items[:1] %}{{ loop is iterable }}{{ loop is sequence }}{{ loop is mapping }}{{ not loop }}{% endfor %}
{{ absent | last }}|{{ absent | reverse | list }}|{{ nothing | last }}
{% for i in items, 4 %}{{ i }}{% endfor %}{% for i in (1, 2) if i %}{{ i }}{% endfor %}
{% break %}
{% macro m(a, b='d', c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 2) }}|{{ m(b=3, a=4) }}|{{ m() }}|{{ m(1)|upper }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}
{% macro m() %}{{ word }}{{ late }}{% endmacro %}{% set late = 1 %}{{ m() }}
{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}
{% for i in items %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% if 1 %}a{% elif 1 %}b{% else %}c{% endif %}{% if 0 %}a{% elif 1 %}b{% else %}c{% endif %}{% if 0 %}a{% elif 0 %}b{% else %}c{% endif %}{% if 0 %}a{% endif %}
{% generation %}{% set g = 1 %}{{ g }}{% endgeneration %}{{ g }}
{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {'b': {}}} }}
{{ '}}' }}{{ "%}" }}{% if '%}' == '%}' %}y{% endif %}
{{- word -}} x {{- word }} y {{ word -}} z
a {#- c -#} b {# c #} c {#- c #} d
{{ word.__class__ }}
{{ messages.__len__() }}
{{ word
{{ word }
{% if word %}
{% endif %}
{% nope %}
{% if word %}x{% endfor %}
{{ }}
{{ 1 + }}
{{ (1 }}
{{ [1 }}
{{ 'a }}
{{ 1 2 }}
{{ a.b.c(1)[2].d }}
{{ $ }}
{% set = 1 %}
{% for in x %}{% endfor %}
{% set x = %}
{# never closed
{{ f(a=1, 2) }}
{{ word | trim | upper | length + 1 }} {{ 'a' ~ 'b' | upper }} {{ ('a' ~ 'b') | upper }} {{ 'a' + 'b' | upper }}
{{ true and 'x' or 'y' }}|{{ word if word is string and word | length > 2 else 'short' }}
{{ messages[0]['content'] if 'content' in messages[0] and messages[0]['content'] is not none else '' }}
""".strip("\n").split("\n")

# Templates with several lines, for the white space rules.
BLOCKS = [
    "x\n  {% if true %}\n  y\n  {% endif %}\nz\n",
    "x\n  {%- if true -%}\n  y\n  {%- endif -%}\nz\n\n",
    "x\n  {%+ if true %}\n  y\n  {%+ endif +%}\nz",
    "  {% if true %}  \n a\n{% endif %}  b\n",
    "a {% if true %} b\n {% endif %}\n\n c",
    "{% for m in messages %}\n{{ m.role }}\n  {{ m.content }}\n\n{% endfor %}\nend\n\n\n",
    "{% for m in messages -%}\n\n   {{ m.role }}   \n\n{%- endfor %}\n",
    "  {# c #}\n  x {# c #}\n{#- c -#}\n y\n  {#+ c +#}\nz",
    "a\r\n{% if true %}\r\nb\rc{% endif %}\r\n",
    "{{ word }}\n{{ word -}}\n\n{{- word }}\n {{+ word }}\n",
    "\t {% set x = 1 %}\n\t {{ x }}\n\u2003{% set y = 2 %}\n{{ y }}",
    "{%- if number\n   and word\n   or nothing -%}\n yes\n{%- endif %}",
    "{% if true %}{% if true %}\n  {% if true %}\n  x{% endif %}\n{% endif %}\n {% endif %}",
    "{{ {\n 'a': 1,\n 'b': [\n1,\n2] } }}",
    "\n\n{% set x = 1 %}\n\n{{ x }}\n\n",
    "{% set x %}\n  a\n  b\n{% endset %}\n[{{ x }}]",
    "{% macro f(a) %}\n  ({{ a }})\n{% endmacro %}\n{{ f(1) }}{{ f(2) -}}  \n",
    "x\x1c\x1f{%- if true %} y\x85{%- endif %}",
    "  {% if true %}a{% endif %}  {% if true %}b{% endif %}\n  {% if true %}c{% endif %}",
    "",
    "\n",
    "{",
    "{ { x } }",
    "}} %} #}",
    "{{ word }}{#\ncomment\n#}\n{{ word }}",
]


def target_cases():
    """What the loss is on, from the definition and not from any template: the
    text of a conversation is put together here by hand, and with it the
    characters that the assistant says."""
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    cases = []
    for name, turns in CONVERSATIONS.items():
        text, ranges = "", []
        if turns[0][0] != "system":
            text = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        for role, content in turns:
            text += f"<|im_start|>{role}\n"
            start = len(text)
            text += content + "<|im_end|>"
            if role == "assistant":
                ranges.append((start, len(text)))
            text += "\n"
        assert text == _compile_jinja_template(SMOLLM2).render(messages=[{"role": r, "content": c} for r, c in turns])
        encoding = tokenizer.encode(text, add_special_tokens=False)
        hit = lambda span, wanted: any(span[0] < end and span[1] > start for start, end in wanted)
        cases.append({
            "conversation": name,
            "tokens": encoding.ids,
            "assistant": [i for i, span in enumerate(encoding.offsets) if hit(span, ranges)],
            "last_assistant": [i for i, span in enumerate(encoding.offsets) if hit(span, ranges[-1:])],
        })
    return cases


def expression_cases():
    variables = {
        "messages": [{"role": "user", "content": "hi <b>é"}, {"role": "assistant", "content": ""}],
        "nothing": None, "empty": "", "word": "alpha", "number": 42, "items": [1, 2, 3], "flags": {"yes": True, "no": False},
    }
    cases = []
    for template in EXPRESSIONS + BLOCKS:
        case = {"template": template}
        try:
            case["rendered"] = _compile_jinja_template(template).render(**variables)
        except Exception as error:
            case["error"] = f"{type(error).__name__}: {error}"
        cases.append(case)
    return cases


def write(path, value, indent=1):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    chat_template_utils.datetime = Clock
    if len(sys.argv) > 1:
        json.dump(chat_cases({path: pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[1:]}), sys.stdout)
        sys.exit()
    write(HERE / "chat_templates.json", chat_cases(TEMPLATES))
    write(HERE / "chat_targets.json", target_cases(), indent=None)
    write(HERE.parent / "jinja" / "testdata" / "expressions.json", expression_cases())
