"""The application that `benches/opcache` deploys: generated, the same at each run."""

import random

# A quarter of the classes is loaded by every route, one further quarter by each.
ROUTES = 3

WORDS = (
    "account basket cache customer delivery event factory handler invoice locale order payment price query request stock"
).split()

# Found as Composer's class map has it, which is not how a file's real path is spelled: opcache
# keeps a second key.
LOADER = r"""<?php
namespace Composer\Autoload;
class ClassLoader
{
    public static $map = [
%s    ];
}
spl_autoload_register(static function ($class) { require ClassLoader::$map[$class]; });
"""

INDEX = r"""<?php
$before = getrusage();
require __DIR__ . '/../vendor/autoload.php';
$route = (int) ($_GET['route'] ?? 0);
foreach (array_keys(Composer\Autoload\ClassLoader::$map) as $number => $class) {
    if ($number %% 4 === 3 || $number %% 4 === $route) {
        new $class();
    }
}
$after = getrusage();
$cpu = 0;
foreach (['utime', 'stime'] as $of) {
    $cpu += ($after["ru_$of.tv_sec"] - $before["ru_$of.tv_sec"]) * 1000000;
    $cpu += $after["ru_$of.tv_usec"] - $before["ru_$of.tv_usec"];
}
echo json_encode(['release' => %d, 'microseconds' => $cpu]);
"""

HEAD = r"""<?php

declare(strict_types=1);

namespace Vendor\Package{package};

/**
 * Keeps the {a} of a {b}, and answers for it.
 *
 * @author Somebody <somebody@example.com>
 */
final class Service{number}
{{
    private array ${a} = [];
    private ?string ${b} = null;
"""

METHOD = r"""
    /**
     * Finds the {a} that belongs to a {b}, and makes it when there is none.
     *
     * @param array<string, mixed> $given what is known of the {b}
     *
     * @return string|null null: nothing is known
     */
    public function {a}{method}(array $given, string $key = '{b}.{number}', int $limit = {limit}): ?string
    {{
        if (!isset($given[$key]) || \count($given) > $limit) {{
            throw new \InvalidArgumentException(sprintf('No {a} "%s" of {number}: "%s".', $key, \get_class($this)));
        }}
        foreach ($given as $name => $value) {{
            if (\is_array($value) && \array_key_exists('{c}', $value)) {{
                return $this->{a}{method}($value, $name, $limit - 1) ?? strtolower((string) $value['{c}']);
            }}
        }}

        return ['{a}' => $key, '{b}' => '{c}.{number}.{method}'][$key] ?? null;
    }}
"""


def index(release):
    """`web/index.php` of a release."""
    return INDEX % release


def files(count):
    """The other files of each release, by name: with the index they are `count`."""
    classes = range(count - 2)
    names = {number: f"package{number % 40}/src/Service{number}.php" for number in classes}
    entry = "        'Vendor\\Package{package}\\Service{number}' => __DIR__ . '/..' . '/vendor/{name}',\n"
    entries = (entry.format(package=number % 40, number=number, name=name) for number, name in names.items())
    return {
        "vendor/autoload.php": LOADER % "".join(entries),
        **{f"vendor/{name}": class_file(number) for number, name in names.items()},
    }


def class_file(number):
    dice = random.Random(number)
    name = lambda: dice.choice(WORDS) + dice.choice(WORDS).capitalize()
    values = lambda: {"number": number, "package": number % 40, "a": name(), "b": "other" + name().capitalize(), "c": name()}
    methods = (METHOD.format(method=n, limit=dice.randrange(1000), **values()) for n in range(dice.randint(2, 10)))
    return HEAD.format(**values()) + "".join(methods) + "}\n"
