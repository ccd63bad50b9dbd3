#!/usr/bin/env python3
"""Plays a busy hour against a running Tryton: people enter sales, suppliers slip.

Everything goes over JSON-RPC the way Tryton's own clients do it: on_change for defaults,
create, the buttons quote and confirm, and pressing "yes" when Tryton asks. Standard library
only. Prints one JSON object with what it did; `short` marks the lines that the branch could
not fill when they were entered.

Example: tools/erp/tryton up --json > /tmp/erp.json
         tools/erp/tryton_play.py --up /tmp/erp.json --sales 12 --seconds 10
"""
import argparse
import base64
import datetime as dt
import json
import random
import sys
import time
import urllib.error
import urllib.request


class Refused(Exception):
    """Tryton said no, in words for a person."""


class Session:
    """One login of one person."""

    def __init__(self, url, database, login, password):
        self.endpoint = '%s/%s/' % (url.rstrip('/'), database)
        self.headers = {'Content-Type': 'application/json'}
        self.count = 0
        self.context = {}
        user, key = self.post('common.db.login', [login, {'password': password}, 'en'])
        token = '%s:%d:%s' % (login, user, key)
        self.user = user
        self.headers['Authorization'] = 'Session ' + base64.b64encode(token.encode()).decode()
        self.context = self.post('model.res.user.get_preferences', [True, {}])

    def post(self, method, params):
        self.count += 1
        body = json.dumps({'id': self.count, 'method': method, 'params': params}).encode()
        request = urllib.request.Request(self.endpoint, body, self.headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        if 'error' in answer:
            raise Refused(*answer['error'])
        return answer['result']

    def call(self, model, method, *params):
        return self.post('model.%s.%s' % (model, method), list(params) + [self.context])

    def find(self, model, domain, fields, order=None, limit=None):
        return self.call(model, 'search_read', domain, 0, limit, order or [['id', 'ASC']],
                         fields)

    def press(self, model, button, ids):
        """Presses a button and answers every warning with yes; returns the warnings."""
        warnings = []
        while True:
            try:
                self.call(model, button, ids)
                return warnings
            except Refused as error:
                if error.args[0] != 'UserWarning' or len(warnings) > 20:
                    raise
                name, text = error.args[1][:2]
                # A question that comes back although it was answered needs the answer
                # "always": the same name may be asked twice within one press.
                again = any(w['name'] == name for w in warnings)
                self.call('res.user.warning', 'create',
                          [{'user': self.user, 'name': name, 'always': again}])
                warnings.append({'name': name, 'text': text})


def decimal(value):
    return float(value['decimal']) if isinstance(value, dict) else float(value or 0)


def date(value):
    return {'__class__': 'date', 'year': value.year, 'month': value.month, 'day': value.day}


def as_date(value):
    return dt.date(value['year'], value['month'], value['day']) if value else None


def working_day(day, count):
    while count:
        day += dt.timedelta(1)
        if day.weekday() < 5:
            count -= 1
    return day


class World:
    """What a salesperson knows: customers, items, warehouses and their stock."""

    def __init__(self, sales):
        self.customers = sales.find('party.party', [['code', 'like', 'C%']], ['code', 'name'])
        self.items = sales.find('product.product', [['code', 'like', 'P%']],
                                ['code', 'rec_name', 'list_price', 'default_uom'])
        self.sites = sales.find('stock.location', [['type', '=', 'warehouse']],
                                ['code', 'storage_location'])
        self.today = as_date(sales.post('model.ir.date.today', [sales.context]))

    def free(self, session, site, days=0):
        """{item id: forecast quantity in so many days} at a warehouse, less what is reserved."""
        context = dict(session.context, locations=[site['id']], stock_assign=True,
                       stock_date_end=date(self.today + dt.timedelta(days)))
        rows = session.post('model.product.product.read', [
            [i['id'] for i in self.items], ['forecast_quantity'], context])
        # On SQLite a sum of quantities may arrive as a Decimal instead of a float.
        return {row['id']: decimal(row['forecast_quantity']) for row in rows}


def enter_sale(session, world, customer, site, lines, ship_on, reference):
    """Draft, quotation, confirmed, processing: as a person would. Returns the sale."""
    header = {'party': customer['id'], 'company': session.context['company']}
    filled = session.call('sale.sale', 'default_get',
                          ['company', 'currency', 'invoice_method', 'shipment_method',
                           'payment_term'], True)
    header.update({k: v for k, v in filled.items() if not k.endswith('.')})
    changed = session.call('sale.sale', 'on_change', header, ['party'])
    if isinstance(changed, list):
        changed = changed[0]
    header.update({k: v for k, v in changed.items()
                   if not k.endswith('.') and k in ('payment_term', 'invoice_party',
                                                    'shipment_party', 'invoice_address',
                                                    'shipment_address')})
    header.update(warehouse=site['id'], sale_date=date(world.today), shipping_date=date(ship_on),
                  reference=reference,
                  lines=[['create', [{'type': 'line', 'product': item['id'],
                                      'unit': item['default_uom'], 'quantity': float(quantity),
                                      'unit_price': item['list_price'], 'description': ''}
                                     for item, quantity in lines]]])
    sale_id, = session.call('sale.sale', 'create', [header])
    warnings = session.press('sale.sale', 'quote', [sale_id])
    warnings += session.press('sale.sale', 'confirm', [sale_id])
    sale, = session.call('sale.sale', 'read', [sale_id],
                         ['number', 'state', 'lines', 'total_amount'])
    if sale['state'] == 'confirmed':  # Tryton's queue has no worker: a person presses Process
        session.press('sale.sale', 'process', [sale_id])
        sale, = session.call('sale.sale', 'read', [sale_id],
                             ['number', 'state', 'lines', 'total_amount'])
    sale['warnings'] = warnings
    return sale


def plan(rng, count):
    """What happens, in order: about half fillable, the others short of small value, short of
    large value, or short of something that nobody else has either."""
    kinds = ['plain', 'short_small', 'short_large', 'plain', 'short_wait', 'short_small',
             'plain']
    return [kinds[i % len(kinds)] if i < len(kinds) else rng.choice(kinds)
            for i in range(count)]


def choose(rng, world, kind, free, coming, used):
    """(site, [(item, quantity)]) that fits `kind` now, or None if nothing does."""
    branches = [s for s in world.sites if s['code'] != 'DC']
    for site in rng.sample(branches, len(branches)):
        here = free[site['code']]
        others = [free[s['code']] for s in world.sites if s is not site]
        items = rng.sample(world.items, len(world.items))
        for item in items:
            price = decimal(item['list_price'])
            have = here[item['id']]
            spare = max(stock[item['id']] for stock in others)
            if (site['code'], item['id']) in used:
                continue
            if kind == 'plain' and have >= 8:
                return site, [(item, rng.randint(1, 4))]
            if kind == 'plain' or not 0 <= have <= 5:
                continue
            if (kind == 'short_wait' and spare <= 5
                    and coming[site['code']][item['id']] >= 20):
                return site, [(item, rng.randint(6, 12))]
            if kind == 'short_small' and spare >= 40 and 10 * price <= 300:
                return site, [(item, 10)]
            if kind == 'short_large' and spare >= 40 and price >= 38:
                return site, [(item, rng.randint(18, 30))]
    return None


def slip(rng, buyer, done):
    """A supplier calls: a receipt comes later. The buyer moves the planned date."""
    moves = buyer.find('stock.move', [
        ['state', '=', 'draft'], ['origin', 'like', 'purchase.line,%'],
        ['planned_date', '!=', None]],
        ['planned_date', 'origin', 'product.code', 'quantity'])
    moves = [m for m in moves if m['origin'] not in done]
    if not moves:
        return None
    move = rng.choice(moves)
    days = rng.randint(2, 9)
    before = as_date(move['planned_date'])
    after = working_day(before, days)
    buyer.call('stock.move', 'write', [move['id']], {'planned_date': date(after)})
    done.add(move['origin'])
    return {'what': 'slip', 'line': move['origin'].split(',')[1],
            'item': move['product.']['code'], 'quantity': move['quantity'],
            'from': before.isoformat(), 'to': after.isoformat()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--up', required=True, metavar='FILE',
                        help='what `tryton up --json` printed; - for standard input')
    parser.add_argument('--sales', type=int, default=8)
    parser.add_argument('--slips', type=int, default=2, help='purchase dates that move')
    parser.add_argument('--seconds', type=float, default=0,
                        help='spread over this time (default: as fast as it goes)')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    up = json.load(sys.stdin if options.up == '-' else open(options.up))

    def log_in(login):
        with open(up['logins'][login]) as file:
            return Session(up['url'], up['database'], login, file.read().strip())

    rng = random.Random(options.seed)
    sales, buyer = log_in('sales'), log_in('buyer')
    world = World(sales)
    kinds = plan(rng, options.sales)
    for n in range(options.slips):
        kinds.insert((n + 1) * len(kinds) // (options.slips + 1), 'slip')
    began, used, slipped, events = time.monotonic(), set(), set(), []
    for n, kind in enumerate(kinds):
        time.sleep(max(0, began + n * options.seconds / max(1, len(kinds)) - time.monotonic()))
        if kind == 'slip':
            event = slip(rng, buyer, slipped)
            if event:
                events.append(event)
            continue
        free = {s['code']: world.free(sales, s) for s in world.sites}
        coming = ({s['code']: world.free(sales, s, 14) for s in world.sites}
                  if kind == 'short_wait' else {})
        choice = choose(rng, world, kind, free, coming, used)
        if choice is None:
            events.append({'what': 'skipped', 'kind': kind,
                           'why': 'no item fits this kind any more'})
            continue
        site, lines = choice
        used.update((site['code'], item['id']) for item, _ in lines)
        customer = rng.choice(world.customers)
        reference = 'CPO-%d-%03d' % (options.seed, n)
        sale = enter_sale(sales, world, customer, site, lines,
                          working_day(world.today, rng.randint(2, 4)), reference)
        events.append({
            'what': 'sale', 'kind': kind, 'sale': sale['id'], 'number': sale['number'],
            'state': sale['state'], 'reference': reference, 'site': site['code'],
            'customer': customer['code'], 'amount': sale['total_amount']['decimal'],
            'warnings': len(sale['warnings']),
            'lines': [{'line': line_id, 'item': item['code'], 'quantity': quantity,
                       'branch_has': free[site['code']][item['id']],
                       'center_has': free['DC'][item['id']],
                       'short': quantity > free[site['code']][item['id']]}
                      for line_id, (item, quantity) in zip(sale['lines'], lines)]})
    entered = [e for e in events if e['what'] == 'sale']
    print(json.dumps({
        'seed': options.seed, 'sales': len(entered),
        'slips': sum(e['what'] == 'slip' for e in events),
        'short_lines': [line['line'] for e in entered for line in e['lines']
                        if line['short']],
        'seconds': round(time.monotonic() - began, 2), 'events': events}, indent=1))
    return 0 if all(e['state'] == 'processing' for e in entered) else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (Refused, urllib.error.URLError, OSError) as error:
        sys.exit('tryton_play: %s' % (error,))
