#!/usr/bin/python3
"""Fills an empty Tryton 6.0 database as a small distributor. Deterministic, in-process.

Usage: tryton_seed.py RUN_DIR DATABASE   (RUN_DIR holds trytond.conf and LOGIN.password)

What people would do goes through Tryton itself: parties, products, warehouses, inventories,
open sales and open purchases are made with proteus and driven by their buttons.

The year of history would take an hour that way, and Tryton has no button to finish
something last spring. Its records are created as drafts through Tryton's models, so numbers,
defaults and internal quantities are Tryton's own, and then set to their finished state and
past dates with SQL (`backdate`). Columns touched: state and number of headers; state,
effective_date and planned_date of moves; create_date and write_date of all of them. The
stock that history moved is set right by the opening inventories, which come after it.

Writes RUN_DIR/facts.json: the counts and the probabilities behind the lateness, so that a
backtest can be checked against the truth it was drawn from.
"""
import datetime as dt
import json
import os
import random
import sys
import time
from decimal import Decimal

from proteus import Model, Wizard
from proteus import config as proteus_config

SEED = 60_2026
run_dir, database = sys.argv[1:3]
started = time.monotonic()
config = proteus_config.set_trytond(
    database, user='admin', config_file=os.path.join(run_dir, 'trytond.conf'))
from trytond.pool import Pool  # noqa: E402 (needs the configuration above)
from trytond.transaction import Transaction  # noqa: E402

rng = random.Random(SEED)
today = dt.date.today()
get = Model.get
facts = {'seed': SEED, 'built': today.isoformat()}


def lap(what):
    print('  %5.1f s  %s' % (time.monotonic() - started, what), flush=True)


def one(model, *domain):
    record, = get(model).find(list(domain), limit=1)
    return record


def working_days_after(day, count):
    """The `count`-th working day after `day`; negative counts go back."""
    step = 1 if count > 0 else -1
    while count:
        day += dt.timedelta(step)
        if day.weekday() < 5:
            count -= step
    return day


def on_or_after(day):
    return day if day.weekday() < 5 else working_days_after(day, 1)


def a_working_day(first, last):
    return on_or_after(first + dt.timedelta(rng.randrange((last - first).days)))


# -- company and people --------------------------------------------------------------------

currency = get('currency.currency')(name='US Dollar', symbol='$', code='USD',
                                    rounding=Decimal('0.01'))
currency.rates.new(date=dt.date(today.year - 2, 1, 1), rate=Decimal(1))
currency.save()
owner = get('party.party')(name='Crossdock Supply Co.')
owner.save()
wizard = Wizard('company.company.config')
wizard.execute('company')
wizard.form.party, wizard.form.currency = owner, currency
wizard.execute('add')
User = get('res.user')
config._context = User.get_preferences(True, {})
company = one('company.company')

terms = get('account.invoice.payment_term')(name='30 days')
terms.lines.new(type='remainder').relativedeltas.new(days=30)
terms.save()
for model, field in (('sale.configuration', 'sale_invoice_method'),
                     ('purchase.configuration', 'purchase_invoice_method')):
    settings = get(model)(1)
    setattr(settings, field, 'manual')  # no chart of accounts here: nothing is invoiced
    settings.save()
lap('company')

# -- warehouses, lanes ---------------------------------------------------------------------

Location = get('stock.location')
dc = one('stock.location', ('type', '=', 'warehouse'))
dc.name, dc.code = 'Distribution center', 'DC'
dc.save()


def new_warehouse(name, code):
    zones = {}
    for zone in ('input', 'output', 'storage'):
        location = Location(name='%s %s' % (name, zone), code='%s-%s' % (code, zone.upper()),
                            type='storage')
        location.save()
        zones[zone + '_location'] = location
    warehouse = Location(name=name, code=code, type='warehouse', **zones)
    warehouse.lost_found_location = dc.lost_found_location  # inventories need one
    warehouse.save()
    return warehouse


warehouses = {'DC': dc, 'B1': new_warehouse('North branch', 'B1'),
              'B2': new_warehouse('South branch', 'B2')}
# Days on the road, and how often a transfer misses its truck or comes later than that: the
# truth a backtest should find.
lanes = {('DC', 'B1'): (1, .08), ('DC', 'B2'): (2, .22), ('B1', 'B2'): (2, .30),
         ('B2', 'B1'): (2, .26), ('B1', 'DC'): (1, .10), ('B2', 'DC'): (2, .20)}
FRIDAY_EXTRA = .25  # asked for on a Friday: the truck leaves without it more often
LeadTime = get('stock.location.lead_time')
for (source, target), (days, _) in lanes.items():
    LeadTime(warehouse_from=warehouses[source], warehouse_to=warehouses[target],
             lead_time=dt.timedelta(days)).save()
lap('3 warehouses, %d lanes' % len(lanes))

# -- parties and products ------------------------------------------------------------------

Party = get('party.party')


def new_party(name, code, city):
    party = Party(name=name, code=code)
    party.addresses[0].street = '%d Dock Street' % rng.randrange(1, 90)
    party.addresses[0].city = city
    party.customer_payment_term = party.supplier_payment_term = terms
    party.save()
    return party


# Name, lead time in days, share of receipts that are late, mean lateness in days.
supplier_truth = [('Akron Fasteners', 5, .10, 2), ('Great Lakes Bearings', 9, .25, 3),
                  ('Keystone Tools', 14, .15, 4), ('Ohio Valley Hydraulics', 21, .40, 6)]
suppliers = [new_party(name, 'S%02d' % (i + 1), 'Akron')
             for i, (name, *_) in enumerate(supplier_truth)]
customers = [new_party(name, 'C%02d' % (i + 1), 'Toledo') for i, name in enumerate(
    ('Maumee Machine', 'Toledo Fabrication', 'Wood County Schools', 'Perrysburg Plumbing',
     'Sylvania Repair', 'Fostoria Glass', 'Bowling Green Pumps', 'Defiance Marine',
     'Findlay Presses', 'Oregon Refining'))]

unit = one('product.uom', ('name', '=', 'Unit'))
category = get('product.category')(name='Stock goods', accounting=True)
category.save()
Template = get('product.template')
nouns = ('Hex bolt', 'Ball bearing', 'Torque wrench', 'Hydraulic hose', 'V-belt',
         'Grease cartridge', 'Pipe clamp', 'Cutting disc', 'Roller chain', 'Air fitting')
products = []
for i in range(30):
    supplier = i % len(suppliers)
    price = Decimal(rng.choice((4, 9, 15, 24, 38, 60, 95, 180)))
    template = Template(
        name='%s %d' % (nouns[i % len(nouns)], i // len(nouns) + 1), type='goods',
        default_uom=unit, salable=True, purchasable=True, account_category=category,
        list_price=price, cost_price_method='fixed', code='P',
        lead_time=dt.timedelta(0))
    template.products[0].suffix_code = '%03d' % (i + 1)
    template.products[0].cost_price = (price * Decimal('0.62')).quantize(Decimal('0.01'))
    terms_of_supply = template.product_suppliers.new(
        party=suppliers[supplier], currency=currency,
        lead_time=dt.timedelta(supplier_truth[supplier][1]))
    terms_of_supply.prices.new(quantity=0.0, unit_price=template.products[0].cost_price)
    template.save()
    products.append(template.products[0])
lap('%d suppliers, %d customers, %d products' % (len(suppliers), len(customers),
                                                 len(products)))

# -- a year of history ---------------------------------------------------------------------

first_day = today - dt.timedelta(365)
yesterday = today - dt.timedelta(1)
pool = Pool(database)
# What each branch sells of each product on a working day: few fast items, many slow ones.
daily = {(site, p): rate * (0.5 if site == 'DC' else 1.0)
         for site in warehouses
         for p, rate in enumerate(sorted((rng.lognormvariate(-1.2, .9)
                                          for _ in products), reverse=True))}


def late(probability, mean_days):
    """Days late (0 = on time), exponential with the given mean when late."""
    if rng.random() >= probability:
        return 0
    return 1 + int(rng.expovariate(1 / mean_days))


def instant(day, hour=None):
    hour = rng.randrange(12, 21) if hour is None else hour
    return '%s %02d:%02d:%02d' % (day.isoformat(), hour, rng.randrange(60),
                                  rng.randrange(60))


def plan_sales():
    day = first_day
    while day < today:
        if day.weekday() < 5:
            wanted = {}
            for (site, p), rate in daily.items():
                # Compound Poisson: orders of an item arrive at a tenth of the unit rate.
                if rng.random() < rate / 10:
                    wanted.setdefault((site, rng.randrange(len(customers))), []).append(
                        (p, 1 + int(rng.expovariate(1 / 9))))
            for (site, customer), lines in wanted.items():
                yield day, site, customer, lines
        day += dt.timedelta(1)


def plan_transfers(count):
    for _ in range(count):
        source, target = rng.choices(list(lanes), weights=(6, 5, 2, 2, 1, 1))[0]
        transit, probability = lanes[source, target]
        asked = a_working_day(first_day, today - dt.timedelta(16))
        # On that day's truck; people ask for a date with a day or two to spare, or none.
        arrival = on_or_after(asked + dt.timedelta(transit))
        spare, = rng.choices((0, 1, 2), weights=(3, 2, 1))
        due = working_days_after(arrival, spare) if spare else arrival
        slip = late(probability + (FRIDAY_EXTRA if asked.weekday() == 4 else 0), 2)
        received = working_days_after(arrival, slip) if slip else arrival
        yield (source, target, rng.randrange(len(products)), rng.randrange(2, 30), asked, due,
               received)


def plan_purchases(count):
    for _ in range(count):
        supplier = rng.randrange(len(suppliers))
        _, lead, probability, mean = supplier_truth[supplier]
        ordered = a_working_day(first_day, today - dt.timedelta(lead + 25))
        for p in rng.sample(range(supplier, len(products), len(suppliers)), 2):
            promised = ordered + dt.timedelta(lead)
            received = promised + dt.timedelta(late(probability, mean))
            yield supplier, p, rng.randrange(20, 120), ordered, promised, min(
                received, yesterday)


# proteus opens a transaction for each call, so within ours only plain ids can be used.
company_id, currency_id, unit_id, terms_id = company.id, currency.id, unit.id, terms.id
product_ids = [p.id for p in products]
list_prices = [p.template.list_price for p in products]
customer_ids, supplier_ids = [p.id for p in customers], [p.id for p in suppliers]
address = {p.id: p.addresses[0].id for p in customers + suppliers}
warehouse_ids = {code: w.id for code, w in warehouses.items()}
zone = {code: {'in': w.input_location.id, 'out': w.output_location.id,
               'storage': w.storage_location.id} for code, w in warehouses.items()}
customer_location = customers[0].customer_location.id
supplier_location = suppliers[0].supplier_location.id


def seed_history():
    Sale, Purchase = pool.get('sale.sale'), pool.get('purchase.purchase')
    Move, Internal = pool.get('stock.move'), pool.get('stock.shipment.internal')
    Out, In = pool.get('stock.shipment.out'), pool.get('stock.shipment.in')
    sql = []

    def backdate(model, record, created, changed, **columns):
        columns.update(create_date=created, write_date=changed)
        names = sorted(columns)
        sql.append(('UPDATE "%s" SET %s WHERE id = ?' % (
            model._table, ', '.join('"%s" = ?' % n for n in names)),
            [columns[n] for n in names] + [record.id]))

    def move(p, quantity, source, target, planned, **extra):
        return dict(product=product_ids[p], uom=unit_id, quantity=float(quantity),
                    from_location=source, to_location=target, company=company_id,
                    currency=currency_id, unit_price=list_prices[p],
                    planned_date=planned, **extra)

    # Sales, each with one customer shipment that left on the day or (rarely) a day late.
    plan = list(plan_sales())
    sales = Sale.create([dict(
        company=company_id, party=customer_ids[c], currency=currency_id,
        invoice_address=address[customer_ids[c]], shipment_address=address[customer_ids[c]],
        payment_term=terms_id, warehouse=warehouse_ids[site], sale_date=day,
        shipping_date=day, invoice_method='manual', shipment_method='order',
        reference='H%05d' % n,
        lines=[('create', [dict(type='line', product=product_ids[p], unit=unit_id,
                                quantity=float(q), description='',
                                unit_price=list_prices[p])
                           for p, q in lines])])
        for n, (day, site, c, lines) in enumerate(plan)])
    shipments = Out.create([dict(
        company=company_id, customer=customer_ids[c],
        delivery_address=address[customer_ids[c]], warehouse=warehouse_ids[site],
        planned_date=day, reference='H%05d' % n)
        for n, (day, site, c, lines) in enumerate(plan)])
    todo = []
    for (day, site, c, lines), sale, shipment in zip(plan, sales, shipments):
        for line, (p, q) in zip(sale.lines, lines):
            todo.append(move(p, q, zone[site]['out'], customer_location, day,
                             shipment=str(shipment), origin=str(line)))
            todo.append(move(p, q, zone[site]['storage'], zone[site]['out'], day,
                             shipment=str(shipment)))
    moves = iter(Move.create(todo))
    busy = {}
    for day, site, c, lines in plan:
        busy[site, day] = busy.get((site, day), 0) + len(lines)
    for (day, site, c, lines), sale, shipment in zip(plan, sales, shipments):
        # A full day leaves work over: the branch picks late more often when it is busy.
        slip = late(min(.6, .005 + .01 * busy[site, day]), .6)
        gone = min(working_days_after(day, slip) if slip else day, yesterday)
        created, changed = instant(day, 9), instant(gone, 16)
        backdate(Sale, sale, created, changed, state='done', number='H%s' % sale.id)
        backdate(Out, shipment, created, changed, state='done',
                 effective_date=gone.isoformat())
        for line in sale.lines:
            sql.append(('UPDATE sale_line SET create_date = ?, write_date = ? WHERE id = ?',
                        [created, changed, line.id]))
            for _ in range(2):
                backdate(Move, next(moves), created, changed, state='done',
                         effective_date=gone.isoformat())
    facts['sales'] = len(sales)
    facts['sale_lines'] = sum(len(lines) for *_, lines in plan)
    lap('%d finished sales with %d lines' % (facts['sales'], facts['sale_lines']))

    # Transfers between warehouses. planned_start_date = planned_date keeps the transit
    # location out of it: one move each, as the connector reads it.
    plan = list(plan_transfers(240))
    shipments = Internal.create([dict(
        company=company_id, from_location=zone[source]['storage'],
        to_location=zone[target]['storage'], planned_date=due, planned_start_date=due,
        reference='HT%05d' % n)
        for n, (source, target, p, q, asked, due, received) in enumerate(plan)])
    moves = Move.create([move(p, q, zone[source]['storage'], zone[target]['storage'], due,
                              shipment=str(shipment))
                         for (source, target, p, q, asked, due, received), shipment
                         in zip(plan, shipments)])
    for (*_, asked, due, received), shipment, record in zip(plan, shipments, moves):
        created, changed = instant(asked), instant(received)
        day = received.isoformat()
        backdate(Internal, shipment, created, changed, state='done', effective_date=day,
                 effective_start_date=day)
        backdate(Move, record, created, changed, state='done', effective_date=day)
    facts['transfers'] = len(plan)
    facts['transfers_late'] = sum(received > due for *_, due, received in plan)
    lap('%d transfers, %d late' % (facts['transfers'], facts['transfers_late']))

    # Purchases: two lines each, received together or apart.
    plan = list(plan_purchases(90))
    pairs = list(zip(plan[::2], plan[1::2]))
    purchases = Purchase.create([dict(
        company=company_id, party=supplier_ids[pair[0][0]], currency=currency_id,
        invoice_address=address[supplier_ids[pair[0][0]]], payment_term=terms_id,
        warehouse=warehouse_ids['DC'], purchase_date=pair[0][3], invoice_method='manual',
        lines=[('create', [dict(type='line', product=product_ids[p], unit=unit_id,
                                quantity=float(q), unit_price=Decimal(1), description='',
                                delivery_date_edit=True, delivery_date_store=promised)
                           for _, p, q, ordered, promised, received in pair])])
        for pair in pairs])
    flat = [(item, line) for pair, purchase in zip(pairs, purchases)
            for item, line in zip(pair, purchase.lines)]
    shipments = In.create([dict(
        company=company_id, supplier=supplier_ids[s], warehouse=warehouse_ids['DC'], planned_date=promised)
        for (s, p, q, ordered, promised, received), line in flat])
    todo = []
    for ((s, p, q, ordered, promised, received), line), shipment in zip(flat, shipments):
        todo.append(move(p, q, supplier_location, zone['DC']['in'], promised,
                         shipment=str(shipment), origin=str(line)))
        todo.append(move(p, q, zone['DC']['in'], zone['DC']['storage'], promised,
                         shipment=str(shipment)))
    moves = iter(Move.create(todo))
    for ((s, p, q, ordered, promised, received), line), shipment in zip(flat, shipments):
        created, changed, day = instant(ordered), instant(received), received.isoformat()
        backdate(In, shipment, changed, changed, state='done', effective_date=day)
        backdate(type(line), line, created, changed)
        for _ in range(2):
            backdate(Move, next(moves), created, changed, state='done', effective_date=day)
    for pair, purchase in zip(pairs, purchases):
        backdate(Purchase, purchase, instant(pair[0][3]),
                 instant(max(item[5] for item in pair)), state='done',
                 number='H%s' % purchase.id)
    facts['receipts'] = len(flat)
    facts['receipts_late'] = sum(item[5] > item[4] for item, _ in flat)
    lap('%d receipts, %d late' % (facts['receipts'], facts['receipts_late']))
    return sql


with Transaction().start(database, 1, context=dict(config._context, _check_access=False)):
    statements = seed_history()
    cursor = Transaction().connection.cursor()
    for text, values in statements:
        cursor.execute(text, values)
    Transaction().commit()
facts['truth'] = {
    'lanes': {'%s>%s' % k: {'days': d, 'late': p} for k, (d, p) in lanes.items()},
    'friday_extra': FRIDAY_EXTRA,
    'suppliers': {'S%02d' % (i + 1): {'lead_days': lead, 'late': p, 'mean_days_late': m}
                  for i, (_, lead, p, m) in enumerate(supplier_truth)}}
lap('history dated back')

# -- stock today ---------------------------------------------------------------------------

# Every seventh product is scarce everywhere: its next delivery goes to one branch directly.
scarce = [p for p in range(len(products)) if p % 7 == 3]
waits_at = {p: ('B1', 'B2')[n % 2] for n, p in enumerate(scarce)}

Inventory = get('stock.inventory')
for site, warehouse in warehouses.items():
    inventory = Inventory(location=warehouse.storage_location, date=today)
    inventory.save()
    inventory.click('complete_lines')
    counted = {line.product.id: line for line in inventory.lines}
    for p, product in enumerate(products):
        line = counted.get(product.id) or inventory.lines.new(product=product)
        # The branches run lean, the center holds the stock. Every third item at a branch
        # is down to a few pieces: where the shortages come from.
        if p in waits_at:
            quantity = rng.randrange(1, 4)
        elif site == 'DC':
            quantity = 60 + rng.randrange(120)
        elif (p + (site == 'B2')) % 3 == 0:
            quantity = rng.randrange(1, 5)
        else:
            quantity = 15 + rng.randrange(35)
        line.quantity = float(quantity)
    inventory.save()
    inventory.click('confirm')
lap('stock of %d items counted at 3 warehouses' % len(products))

# -- what is open now ----------------------------------------------------------------------

Purchase = get('purchase.purchase')
for n in range(6):
    s = n % len(suppliers)
    lead = supplier_truth[s][1]
    # The order was placed some days ago; the rest of its lead time is ahead.
    ordered = working_days_after(today, -rng.randrange(1, max(2, lead // 2)))
    purchase = Purchase(party=suppliers[s], warehouse=dc, purchase_date=ordered,
                        payment_term=terms)
    for p in rng.sample(range(s, len(products), len(suppliers)), 2):
        line = purchase.lines.new(product=products[p], quantity=float(rng.randrange(20, 80)))
        line.unit_price = products[p].cost_price
        line.delivery_date_edit = True
        line.delivery_date_store = max(ordered + dt.timedelta(lead),
                                       working_days_after(today, 1 + n))
    purchase.save()
    if n == 5:
        break  # one stays a draft
    purchase.click('quote')
    purchase.click('confirm')
for n, (p, site) in enumerate(waits_at.items()):
    s = p % len(suppliers)
    purchase = Purchase(party=suppliers[s], warehouse=warehouses[site],
                        purchase_date=working_days_after(today, -3), payment_term=terms)
    line = purchase.lines.new(product=products[p], quantity=60.0)
    line.unit_price = products[p].cost_price
    line.delivery_date_edit = True
    line.delivery_date_store = working_days_after(today, 4 + n)
    purchase.save()
    purchase.click('quote')
    purchase.click('confirm')
lap('%d purchases, all but one of them on the way' % (6 + len(waits_at)))

Sale = get('sale.sale')
steps = [('quote', 'confirm', 'assign')] * 2 + [('quote', 'confirm')] * 5 + [('quote',), ()]
for n, buttons in enumerate(steps):
    sale = Sale(party=customers[n % len(customers)], payment_term=terms,
                warehouse=warehouses[('B1', 'B2', 'DC')[n % 3]], sale_date=today,
                reference='CPO-%04d' % (1000 + n),
                shipping_date=working_days_after(today, 2 + n % 4))
    # Items the branch has: open orders that are no shortage.
    for p in [i for i in range(len(products)) if i not in waits_at
              and i % 3 == (0 if n % 3 == 1 else 1)][n:n + 2]:
        line = sale.lines.new(product=products[p], quantity=float(rng.randrange(1, 6)))
        line.unit_price = products[p].template.list_price
    sale.save()
    for button in buttons:
        if button == 'assign':
            for shipment in sale.shipments:
                shipment.click('assign_try')
        else:
            sale.click(button)
            sale.reload()
lap('%d sales from draft to reserved' % len(steps))

# -- logins --------------------------------------------------------------------------------

Access, Group = get('ir.model.access'), get('res.group')


def ir_model(name):
    return one('ir.model', ('model', '=', name))


# Least privilege for the connector: it reads orders and stock, makes transfers, changes
# dates of deliveries, and can do nothing else. Tryton's own groups would let it confirm
# sales and purchases.
connector = Group(name='Crossdock connector')
connector.save()
for name, rights in (
        ('sale.sale', 'r'), ('purchase.purchase', 'r'), ('purchase.product_supplier', 'r'),
        ('stock.shipment.internal', 'rwc'), ('stock.shipment.out', 'rw'),
        ('stock.shipment.in', 'r'), ('stock.move', 'rwc')):
    Access(model=ir_model(name), group=connector, perm_read=True,
           perm_write='w' in rights, perm_create='c' in rights, perm_delete=False).save()
for button in get('ir.model.button').find([
        ('model.model', '=', 'stock.shipment.internal'),
        ('name', 'in', ['wait', 'draft', 'cancel'])]):
    button.groups.append(Group(connector.id))
    button.save()


def login(name, title, *groups):
    employee_party = Party(name=title)
    employee_party.save()
    employee = get('company.employee')(party=employee_party, company=company)
    employee.save()
    with open(os.path.join(run_dir, name + '.password')) as file:
        user = User(name=title, login=name, password=file.read().strip())
    user.companies.append(get('company.company')(company.id))
    user.company = get('company.company')(company.id)
    user.employees.append(employee)
    user.employee = employee
    for group in groups:
        user.groups.append(one('res.group', ('name', '=', group)))
    user.save()


login('crossdock', 'Crossdock connector', 'Crossdock connector')
login('sales', 'Sam Sales', 'Sales', 'Sale Stock Quantity')
login('buyer', 'Bea Buyer', 'Purchase', 'Stock')
with open(os.path.join(run_dir, 'facts.json'), 'w') as file:
    json.dump(facts, file, indent=1, sort_keys=True)
lap('3 logins')
